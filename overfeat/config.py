"""Settings: every knob of the system, its range and its default, in one place.

Each section of ``params.yaml`` is one class here. :func:`parse` turns a plain mapping into it and refuses what is
unknown, of the wrong type or out of range with one sentence.
"""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from overfeat.errors import SettingsError, did_you_mean

T = TypeVar("T")


def ranged(default: Any, low: float, high: float = float("inf")) -> Any:
    """Return a dataclass field whose value must lie in ``[low, high]``."""
    return field(default=default, metadata={"low": low, "high": high})


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of everything that is no mapping."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def parse(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Return ``cls`` filled from ``values``.

    Args:
        cls: a settings dataclass of this module.
        values: a plain mapping, as YAML gives it.
        where: the section's name, for messages.

    Raises:
        SettingsError: on an unknown name, a wrong type, or a value out of range.
    """
    if not isinstance(values, Mapping):
        raise SettingsError(f"settings section {where!r} must be a mapping of names to values, not {values!r}")
    hints = typing.get_type_hints(cls)
    known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise SettingsError(f"unknown setting {where}.{name}{did_you_mean(name, known)}")
    parsed = {}
    for name, value in values.items():
        parsed[name] = _convert(hints[name], value, f"{where}.{name}")
        _check_range(parsed[name], known[name].metadata, f"{where}.{name}")
    return cls(**parsed)


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Return ``value`` as the annotated type ``hint``, or raise SettingsError."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value in args:
            return value
        choices = ", ".join(map(repr, args))
        raise SettingsError(f"{where} must be one of {choices}, not {value!r}{did_you_mean(value, args)}")
    if origin is types.UnionType:
        if value is None and type(None) in args:
            return None
        return _convert(next(a for a in args if a is not type(None)), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise SettingsError(f"{where} must be a list, not {value!r}")
        return tuple(_convert(args[0], item, where) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise SettingsError(f"{where} must be of type {hint.__name__}, not {value!r}")
    return value


def _check_range(value: Any, metadata: Mapping[str, Any], where: str) -> None:
    """Raise SettingsError where a number, or a number in a list, is outside the field's range."""
    if "low" not in metadata or value is None:
        return
    for number in value if isinstance(value, tuple) else (value,):
        if not metadata["low"] <= number <= metadata["high"]:  # also refuses NaN
            raise SettingsError(f"{where} must be from {metadata['low']:g} to {metadata['high']:g}, not {number!r}")


@dataclass(frozen=True)
class SourceSettings:
    """The data sets as distributed, a folder each; one folder may serve both tasks."""

    recognition: str = "data/raw/sample"
    """Classification and localization: pictures with a label, or objects around which views are taken."""
    detection: str = "data/raw/sample_det"
    """Detection: pictures in which every object has a box."""

    @property
    def one(self) -> bool:
        """Whether one data set serves both."""
        return self.recognition == self.detection


@dataclass(frozen=True)
class SampleSettings:
    """The embedded data sets."""

    seed: int = ranged(0, 0)
    train_images: int = ranged(4000, 10)
    val_images: int = ranged(1000, 10)
    detection_train_images: int = ranged(900, 10)
    detection_val_images: int = ranged(400, 10)


@dataclass(frozen=True)
class ManifestSettings:
    """Reading a data set as distributed."""

    layout: str = "auto"
    """Name of a reader, or "auto" to recognise it from the files."""
    detection_layout: str = "auto"
    """That of ``source.detection``, where this is another folder than ``source.recognition``."""
    max_rejected: float = ranged(0.01, 0, 1)
    """The share of pictures, and of objects, that may be left out before the stage fails."""
    val_share: float = ranged(0.1, 0, 1)
    """Share of the pictures drawn for validation where the layout has no split of its own."""
    view_context: float = ranged(1.5, 1)
    """Side of a view around an object, in longer sides of the object: for data without labels of whole pictures."""


@dataclass(frozen=True)
class PreprocessSettings:
    """Downsampling."""

    train_side: int = ranged(256, 8)
    """Smallest side of a training picture, in pixels; smaller ones are enlarged, and counted."""
    evaluation_side: int = ranged(256, 8)
    """Largest smallest side of a validation or test picture: that of the largest scale of inference, so that no
    detail is lost before it; smaller pictures stay as they are."""
    detection_side: int = ranged(461, 8)
    """Largest smallest side of a picture for detection: that of the largest scale; smaller ones stay as they are."""
    quality: int = ranged(95, 1, 100)
    """JPEG quality of the stored picture."""
    calibration_share: float = ranged(0.01, 0, 1)
    """Share of the training pictures that no training sees: the confidence of results is fitted on them."""
    shard_images: int = ranged(2048, 1)
    """Pictures in one Parquet file."""


@dataclass(frozen=True)
class RecipeSettings:
    """What every training has; the defaults are the paper's recipe (section 3.1)."""

    seed: int = ranged(0, 0)
    epochs: int = ranged(90, 1)
    batch_size: int = ranged(128, 1)
    flips: Literal["both", "random", "none"] = "both"
    """Whether each view is shown with its mirror image, as one of the two, or as it is."""
    init: Literal["paper", "he"] = "paper"
    """N(0, 0.01) as in the paper, or variance preserving (He), which small nets need."""
    schedule: Literal["step", "cosine"] = "step"
    """Halved after ``halve_after``, or a cosine from ``learning_rate`` to 0."""
    learning_rate: float = ranged(0.05, 0)
    halve_after: tuple[int, ...] = ranged((30, 50, 60, 70, 80), 0)
    """Epochs after which the learning rate is halved (``step``)."""
    warmup_epochs: float = ranged(0.0, 0)
    """Epochs over which the learning rate rises from 0."""
    momentum: float = ranged(0.6, 0, 1)
    nesterov: bool = False
    weight_decay: float = ranged(1e-5, 0)
    dropout: float = ranged(0.5, 0, 1)
    """Drop rate on the hidden fully connected layers."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    loader_threads: int | None = ranged(None, 1)
    """Threads that decode; None for one less than the processors, at least one."""


@dataclass(frozen=True)
class TrainClassifierSettings(RecipeSettings):
    """Training the classification net (paper, section 3.1)."""

    members: int = ranged(1, 1, 100)
    """Nets of an ensemble, each from its own seed."""
    crops: int = ranged(5, 1)
    """Random crops a picture and epoch."""
    label_smoothing: float = ranged(0.0, 0, 1)
    processes: int | None = ranged(None, 1)
    """That train one net together on this machine, each its part of every minibatch of ``batch_size``: from 1. None
    for one a GPU, or one on a CPU."""
    weights: str | None = None
    """Path of a finished checkpoint that is taken in the place of training: of ``overfeat import-weights``, or of
    another project. DVC sees the path alone: another checkpoint needs another path. None to train."""


@dataclass(frozen=True)
class TrainLocalizerSettings(RecipeSettings):
    """Training the box regressor on the classifier's frozen features (paper, section 4.2)."""

    epochs: int = ranged(30, 1)
    halve_after: tuple[int, ...] = ranged((10, 20, 25), 0)
    dropout: float = ranged(0.0, 0, 1)
    classifier: Literal["last", "best"] = "last"
    """Which of the classifier's checkpoints gives the features; ``infer.checkpoint`` must name the same."""
    per_class: bool = False
    """A box for every class (PCR in the paper) in the place of one for all (SCR)."""
    scales: tuple[int, ...] = ranged((1, 2, 4, 6), 1)
    """Numbers of the model's scales at which windows are drawn, at all pooling offsets."""
    windows: int = ranged(8, 1)
    """Windows drawn an epoch from every picture at every scale."""
    min_overlap: float = ranged(0.5, 0.01, 1)
    """A window is left out unless at least this share of an object is inside it."""
    cache_gib: float = ranged(4.0, 0)
    """Memory for features. Where those of all training pictures fit, they are computed once, else anew each epoch."""


@dataclass(frozen=True)
class TrainDetectorSettings(RecipeSettings):
    """Training the detector spatially, from the classifier's weights (paper, section 5)."""

    epochs: int = ranged(30, 1)
    batch_size: int = ranged(8, 1)
    """Pictures in a minibatch; of each, windows are chosen."""
    flips: Literal["random", "none"] = "random"
    learning_rate: float = ranged(0.01, 0)
    halve_after: tuple[int, ...] = ranged((10, 20, 25), 0)
    features: Literal["own", "shared", "joint"] = "own"
    """The detector's features start as the classifier's and are trained further (own), stay as they are (shared),
    or are trained further together with the classifier and the localizer (joint)."""
    classifier: Literal["last", "best"] = "last"
    """From which of the classifier's and the localizer's checkpoints it starts."""
    scales: tuple[int, ...] = ranged((1, 2, 3, 4, 5, 6), 1)
    """Numbers of the model's scales at which pictures are shown."""
    views: int = ranged(1, 1)
    """Scales drawn for each picture in an epoch."""
    positives: int = ranged(32, 1)
    """Windows with an object, at most, that are chosen of a picture at a scale."""
    negatives: int = ranged(32, 0)
    """Windows of background that are chosen of a picture at a scale."""
    choose: Literal["hardest", "random", "mix"] = "mix"
    """Negatives most taken for an object by the net as it is, at random, or half of each."""
    min_overlap: float = ranged(0.5, 0.01, 1)
    """A window that sees this share of an object of a fitting size or more is no background."""
    max_offset: float = ranged(0.2, 0.01, 0.5)
    """How far the object of a window may be from its middle, in window sides."""
    smallest: float = ranged(0.35, 0, 1)
    """Side of the smallest object that fits a window, in window sides; smaller ones are seen at a larger scale."""
    largest: float = ranged(0.95, 0, 2)
    """Side of the largest object that fits a window."""
    margin: int = ranged(2, 0)
    """Total strides of mean pixels put around a picture: objects at its edge can then be in the middle of a window."""
    clip_norm: float | None = ranged(5.0, 0)
    """Longer gradients are cut to this length: without it a young net can be thrown off for good. None for not."""
    box_weight: float = ranged(10.0, 0)
    """Weight of the loss of the boxes, beside that of the classes."""
    joint_crops: int = ranged(64, 1)
    """With ``features: joint``: crops for the classifier in each minibatch."""
    joint_scales: tuple[int, ...] = ranged((1, 2, 4, 6), 1)
    """With ``features: joint``: scales at which the localizer is shown pictures."""


@dataclass(frozen=True)
class CalibrateSettings:
    """Fitting the confidence, on pictures that were held out of training."""

    pictures: int = ranged(4096, 0)
    """At most so many are looked at; 0 leaves the confidence out."""


@dataclass(frozen=True)
class InferSettings:
    """Dense multi-scale inference: what goes to the evidence table."""

    checkpoint: Literal["last", "best"] = "last"
    """``best`` was chosen by looking at the validation pictures, so its error there is a little too good."""
    splits: tuple[str, ...] = ("val",)
    scales: tuple[int, ...] = ranged((1, 2, 3, 4, 5, 6), 1)
    """Numbers of the model's scales, 1 the smallest."""
    detection_scales: tuple[int, ...] | None = ranged(None, 1)
    """Those at which the detector looks; None for ``scales``."""
    sizes: Literal["aspect", "paper"] = "aspect"
    """Input sizes that follow the picture's own aspect, or exactly the paper's."""
    flips: bool = True
    ten_view_side: int | None = ranged(None, 1)
    """Also look at four corners and the centre of the picture with this smallest side, and at their mirror images: the
    vote that the paper compares with, on pictures of 256. None for not. Recognition only."""
    top_k: int = ranged(5, 1)
    """Classes kept for every window, beside those whose spatial maximum it holds."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    unit_images: int = ranged(512, 1)
    """Pictures in one piece of work."""
    batch_windows: int = ranged(2048, 1)
    """Windows worked at once, which bounds the memory."""


@dataclass(frozen=True)
class MergeSettings:
    """Decisions from the evidence: nothing here runs the network."""

    members: tuple[int, ...] | None = ranged(None, 0)
    """Nets of the ensemble that vote, 0 the first; None for all."""
    scales: tuple[int, ...] | None = ranged(None, 1)
    """Scales that vote; None for all in the evidence."""
    flips: bool = True
    offsets: Literal["fine", "coarse", "centre", "ten_views"] = "fine"
    """All pooling offsets, offset (0, 0) alone, or only the window in the middle of the map: a single centre crop. Or,
    in the place of dense windows, the mean of the ten views (``infer.ten_view_side``). Detections are always fine or
    coarse."""
    scores: Literal["probabilities", "logits"] = "probabilities"
    """What the spatial maximum and the mean are taken of."""
    top_k: int = ranged(5, 5)
    """Guesses kept a picture; the top-5 error needs five."""
    classes_per_scale: int = ranged(5, 1)
    """Classes whose boxes are taken at each scale (paper, section 4.3, step a)."""
    boxes: Literal["merge", "nms"] = "merge"
    """Boxes are merged and their scores added up (section 4.3), or only the highest is kept, as NMS does."""
    match: Literal["normalized", "literal"] = "normalized"
    """How alike two boxes are: scaled by their size, or the paper's words to the letter."""
    threshold: float | None = ranged(None, 0)
    """Boxes whose match_score is greater are not merged (t in the paper); None for the default of ``match``."""
    detection_scales: tuple[int, ...] | None = ranged(None, 1)
    """Scales that vote for detections; None for all in the evidence."""
    detection_threshold: float | None = ranged(None, 0)
    """As ``threshold``, for detections."""
    detection_min_score: float = ranged(0.5, 0, 1)
    """A window votes for an object of a class from this probability on."""


@dataclass(frozen=True)
class EvaluateSettings:
    """Measures."""

    bootstrap: int = ranged(1000, 0)
    """Resamplings of the pictures for the 95 % intervals; 0 for none."""
    seed: int = ranged(0, 0)
    confidence: float = ranged(0.5, 0, 1)
    """Operating threshold: a detection counts as one for a person from this confidence on."""


@dataclass(frozen=True)
class ReportSettings:
    """The report: one page, and a gallery of pictures beside it."""

    pictures: int = ranged(2000, 0)
    """In the gallery at most, of each task and split: half the worst mistakes, the rest spread over all others."""
    side: int = ranged(320, 16)
    """Longer side of a picture of the gallery at most, in pixels."""
    evidence: bool = True
    """Whether each picture of the gallery has a heat map of its windows."""


SECTIONS: dict[str, type] = {
    "source": SourceSettings,
    "sample": SampleSettings,
    "manifest": ManifestSettings,
    "preprocess": PreprocessSettings,
    "train_classifier": TrainClassifierSettings,
    "train_localizer": TrainLocalizerSettings,
    "train_detector": TrainDetectorSettings,
    "calibrate": CalibrateSettings,
    "infer": InferSettings,
    "merge": MergeSettings,
    "evaluate": EvaluateSettings,
    "report": ReportSettings,
}
"""The sections of ``params.yaml`` and what each becomes."""
