"""A trained model that looks at new pictures: all of its evidence, and the decisions made from it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from torch import Tensor

from overfeat.config import InferSettings, MergeSettings
from overfeat.devices import choose_device
from overfeat.errors import CheckpointError
from overfeat.images.given import as_pixels
from overfeat.images.resize import resize_to_side
from overfeat.inference.batches import Picture
from overfeat.inference.calibration import read_calibrations
from overfeat.inference.decide import Calibrations, find_objects, recognize
from overfeat.inference.evidence import for_task, gather_evidence
from overfeat.inference.looking import Looking, read_looking
from overfeat.models.checkpoint_folder import CALIBRATION_FILE, LOOKING_FILE, has_detector
from overfeat.models.ensemble import Ensemble, load_detection, load_recognition
from overfeat.results.schemas import DETECTION, RECOGNITION, WINDOWS
from overfeat.sight import Sight, make_sight, sure

if TYPE_CHECKING:
    from overfeat.images.given import AnyPicture

SPLIT = "new"
"""The split of pictures that belong to no data set."""


@dataclass(frozen=True)
class Seen:
    """What one task saw in some pictures.

    Attributes:
        windows: the evidence, as ``WINDOWS``. Recognition and detection number a picture's windows in one row, so that
            ``members`` of a result name one window.
        decisions: tables by kind, as ``DECISIONS`` has them; kinds of the other task are not there.
        facts: of the networks: model, class_names, geometry, boxes, task.
    """

    windows: pa.Table
    decisions: Mapping[str, pa.Table]
    facts: dict[str, Any]


class Recognizer:
    """Networks, settings and confidences; see :meth:`load`."""

    def __init__(
        self, ensembles: Mapping[str, Ensemble], calibrations: Calibrations, looking: Looking, merge: MergeSettings
    ) -> None:
        self._ensembles, self._calibrations = ensembles, calibrations
        self._looking, self._merge, self._device = looking, merge, choose_device(looking.infer.device)

    @classmethod
    def load(
        cls,
        checkpoints: str | Path = "data/checkpoints",
        infer: InferSettings | None = None,
        merge: MergeSettings | None = None,
        sides: Mapping[str, int] | None = None,
        tasks: Collection[str] = (RECOGNITION, DETECTION),
    ) -> "Recognizer":
        """Load what the training stages left in a folder.

        Args:
            checkpoints: folder of classifier, localizer, detector and calibration; there may be no localizer and no
                detector.
            infer: how to look; None for how the pipeline that trained the model does.
            merge: how to decide; None for the defaults.
            sides: by task ("recognition", "detection") the largest smallest side of a picture that is looked at;
                larger ones are downsampled to it, as validation pictures are. None as with ``infer``.
            tasks: only the networks of these are loaded.

        Raises:
            CheckpointError: if a file is missing, damaged, or does not fit the others.
            SettingsError: if there is no such device.
        """
        folder = Path(checkpoints)
        if infer is None or sides is None:
            kept = read_looking(folder / LOOKING_FILE)
            looking = Looking(infer or kept.infer, sides or kept.sides, kept.names)
        else:
            looking = Looking(infer, sides, {})
        device, which = choose_device(looking.infer.device), looking.infer.checkpoint
        ensembles = {}
        if RECOGNITION in tasks:
            ensembles[RECOGNITION] = load_recognition(folder, which, device)
        if DETECTION in tasks and has_detector(folder):
            ensembles[DETECTION] = load_detection(folder, which, device)
        return cls(ensembles, read_calibrations(folder / CALIBRATION_FILE), looking, merge or MergeSettings())

    @property
    def names(self) -> Mapping[str, str]:
        """By label what people call the class; empty where nobody said."""
        return self._looking.names

    def classify(self, picture: "AnyPicture", top: int = 5) -> pd.DataFrame:
        """Return the best classes of one picture, the best first.

        Args:
            picture: see :func:`overfeat.images.given.as_pixels`.
            top: how many, at most ``merge.top_k`` (5).

        Returns:
            Frame with label, name (for people), score (mean probability, unless decided from logits), rank.

        Raises:
            PictureError: if the picture cannot be decoded.
            PlaceError: if the file is not there.
        """
        return self.see(picture, tasks=(RECOGNITION,)).classes.head(top)

    def localize(self, picture: "AnyPicture", top: int = 1) -> pd.DataFrame:
        """Return the best classes of one picture with a box each; arguments as of :meth:`classify`.

        Returns:
            Frame with label, name, confidence (chance that class and box are right), score (summed), x1, y1, x2, y2
            (pixels of the picture), rank, members (``window`` of the evidence), scales.

        Raises:
            CheckpointError: if the model has no box regressor.
        """
        sight = self.see(picture, tasks=(RECOGNITION,))
        if sight.boxes is None:
            raise CheckpointError("this model has no box regressor: no training picture had a box")
        return sight.boxes.head(top)

    def detect(self, picture: "AnyPicture", min_confidence: float = 0.5) -> pd.DataFrame:
        """Return all objects in one picture, the surest first.

        Args:
            picture: see :func:`overfeat.images.given.as_pixels`.
            min_confidence: only those that are so sure, 0 to 1; a model whose confidence was not fitted gives all.

        Returns:
            Frame with label, name, confidence, score (summed), x1, y1, x2, y2 (pixels of the picture), members, scales.

        Raises:
            CheckpointError: if the model has no detector.
        """
        sight = self.see(picture, tasks=(DETECTION,))
        if sight.objects is None:
            raise CheckpointError("this model has no detector: no data set annotated every object in its pictures")
        return sure(sight.objects, min_confidence)

    def see(self, picture: "AnyPicture", tasks: Collection[str] = (RECOGNITION, DETECTION)) -> Sight:
        """Return all that is seen in one picture, with the evidence. Arguments and errors as of :meth:`classify`."""
        pixels = as_pixels(picture)
        seen = self.look([self.picture("picture", pixels)], "look", tasks)
        return make_sight(pixels, {task: (each.windows, each.decisions) for task, each in seen.items()}, self.names)

    def picture(self, image_id: str, pixels: Tensor) -> dict[str, Picture]:
        """Return a picture, uint8 ``(3, h, w)``, as each task looks at it; only these small copies need be kept."""
        original = int(pixels.shape[1]), int(pixels.shape[2])
        sides = {task: min(self._looking.sides[task], *original) for task in self._ensembles}
        resized = {side: resize_to_side(pixels, side) for side in set(sides.values())}
        return {task: Picture(image_id, SPLIT, resized[side], original) for task, side in sides.items()}

    def look(
        self,
        pictures: Iterable[Mapping[str, Picture]],
        run: str,
        tasks: Collection[str] = (RECOGNITION, DETECTION),
    ) -> dict[str, Seen]:
        """Look at pictures and decide, by task.

        Args:
            pictures: of :meth:`picture`, with different image_ids.
            run: name of the run, kept in every row.
            tasks: only these.
        """
        looked_at = sorted(pictures, key=lambda each: next(iter(each.values())).image_id)
        seen: dict[str, Seen] = {}
        numbered: dict[str, int] = {}
        for task, ensemble in self._ensembles.items():
            if task not in tasks:
                continue
            facts = {**ensemble.facts, "task": task}
            if not looked_at:
                seen[task] = Seen(WINDOWS.empty_table(), {}, facts)
                continue
            windows = self._evidence(ensemble, task, [each[task] for each in looked_at], run)
            windows = _numbered_on(windows, numbered)
            seen[task] = Seen(windows, self._decide(windows, ensemble, task, run), facts)
        return seen

    def _evidence(self, ensemble: Ensemble, task: str, pictures: Sequence[Picture], run: str) -> pa.Table:
        settings, nets, regressors = for_task(task, self._looking.infer), ensemble.nets, ensemble.regressors
        return gather_evidence(nets, regressors, pictures, settings, run, self._device, ensemble.margin)

    def _decide(self, windows: pa.Table, ensemble: Ensemble, task: str, run: str) -> Mapping[str, pa.Table]:
        names, model, boxes = ensemble.class_names, ensemble.name, bool(ensemble.regressors)
        if task == DETECTION:
            return find_objects(windows, names, self._merge, self._calibrations, run, model)
        return recognize(windows, names, boxes, self._merge, self._calibrations, run, model)


def _numbered_on(windows: pa.Table, numbered: dict[str, int]) -> pa.Table:
    """Return the windows with their numbers raised by how many their picture had so far, and count these, too."""
    ids = windows["image_id"].combine_chunks()
    codes, names = ids.indices.to_numpy(), ids.dictionary.to_pylist()
    before = np.array([numbered.get(name, 0) for name in names], np.int32)
    for name, count in zip(names, np.bincount(codes, minlength=len(names)).tolist(), strict=True):
        numbered[name] = numbered.get(name, 0) + count
    numbers = pa.array(windows["window"].to_numpy() + before[codes], pa.int32())
    return windows.set_column(windows.schema.get_field_index("window"), windows.schema.field("window"), numbers)
