"""``python -m pipelines.ablation``: the paper's figure 9 on the data at hand, as a table and a plot.

How far the localization error falls from a single crop to dense windows at one, two and four scales, with a box for
all classes or one for each, and with other ways of joining boxes. One net is looked at, member 0, without mirror
images, which double the work of all rows alike. The threshold of each row is chosen on the pictures that were held out
of training, never on those it is measured on.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from overfeat.config import InferSettings, MergeSettings, TrainLocalizerSettings
from overfeat.devices import choose_device
from overfeat.errors import OverFeatError, ResultsError
from overfeat.evaluation import localization
from overfeat.evaluation.intervals import error_percent
from overfeat.models.checkpoints import load_network, load_regressor, weights_hash
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor
from overfeat.training.localizer import train_localizer
from pipelines import dense_pass, paths, pictures
from pipelines.ablation_report import write_report
from pipelines.engine.console import say
from pipelines.engine.locks import WORK
from pipelines.engine.settings import PARAMS_FILE, load_params, parse_section
from pipelines.roles import RECOGNITION
from pipelines.trials import THRESHOLDS, Trials, evidence

SCALES = (1, 2, 3, 4)
_ONE = MergeSettings(scales=SCALES[:1])
_FOUR = MergeSettings(scales=SCALES)


@dataclass(frozen=True)
class Variant:
    """A row of the table: how it decides, and what the paper prints for it on ImageNet, in percent."""

    name: str
    settings: MergeSettings
    per_class: bool = False
    paper: float | None = None


VARIANTS = (
    Variant("single centre crop", replace(_ONE, offsets="centre", flips=False), paper=40.0),
    Variant("dense, 1 scale", _ONE),
    Variant("dense, 2 scales", replace(_FOUR, scales=SCALES[:2]), paper=31.5),
    Variant("dense, 4 scales", _FOUR, paper=30.0),
    Variant("4 scales, a regressor per class", _FOUR, per_class=True, paper=44.1),
    Variant("4 scales, literal match_score", replace(_FOUR, match="literal")),
    Variant("4 scales, NMS in place of merging", replace(_FOUR, boxes="nms")),
)
ORDERINGS = (
    ("dense windows beat a single crop", "dense, 1 scale", "single centre crop"),
    ("two scales beat one", "dense, 2 scales", "dense, 1 scale"),
    ("four scales beat two", "dense, 4 scales", "dense, 2 scales"),
    ("a shared regressor beats one per class", "dense, 4 scales", "4 scales, a regressor per class"),
    ("merging beats NMS", "dense, 4 scales", "4 scales, NMS in place of merging"),
    ("the normalized match_score beats the literal one", "dense, 4 scales", "4 scales, literal match_score"),
)
"""What the paper's figure shows or says: the first variant has the smaller error."""


def main(arguments: Sequence[str]) -> int:
    """Measure every variant on the validation pictures and write ablation.csv, ablation.md and ablation.png."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.ablation", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/ablation"), help="folder (default data/ablation)")
    out: Path = parser.parse_args(arguments).out
    try:
        params = load_params(Path(PARAMS_FILE))
        infer: InferSettings = parse_section("infer", params["infer"])
        recipe: TrainLocalizerSettings = parse_section("train_localizer", params["train_localizer"])
        rows, orderings = measure(replace(infer, scales=SCALES, flips=False), recipe)
        write_report(out, str(params["source"]["recognition"]), str(params["model"]), rows, orderings)
    except OverFeatError as error:
        say(str(error))
        return 2
    say(f"the table and the plot are in {out}")
    return 0


def measure(infer: InferSettings, recipe: TrainLocalizerSettings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row for each variant and baseline, and one for each ordering of the paper.

    Raises:
        CheckpointError: if classifier or localizer are not trained.
        ResultsError: if the data have no boxes.
    """
    if not dense_pass.has_localizer():
        raise ResultsError(
            f"there is no localizer in {paths.LOCALIZER}: run `dvc repro train_localizer` on data with boxes"
        )
    device = choose_device(infer.device)
    net = load_network(paths.CLASSIFIER / "member-0" / f"{infer.checkpoint}.pt").to(device)
    regressors = {
        False: load_regressor(paths.LOCALIZER / "member-0" / f"{infer.checkpoint}.pt", net),
        True: _per_class(net, replace(recipe, per_class=True)),
    }
    trials = {
        (split, per_class): _trials(split, net, regressor.to(device), infer, device)
        for per_class, regressor in regressors.items()
        for split in ("calibration", "val")
    }
    rows, wrong = _baselines(trials["val", False]), {}
    for variant in VARIANTS:
        settings = _with_threshold(trials["calibration", variant.per_class], variant.settings)
        on_val = trials["val", variant.per_class]
        found = on_val.found(settings)
        wrong[variant.name] = ~found["right"].to_numpy(bool)
        rows.append(
            {
                "variant": variant.name,
                "threshold": settings.threshold if settings.boxes == "merge" else None,
                **localization.error_metrics(found, 1000, 0),
                **error_percent("given_class_error", on_val.given_wrong(settings), 0, 0),
                "paper_error_percent": variant.paper,
            }
        )
        say(f"{variant.name}: {rows[-1]['error_percent']:.2f} %")
    return pd.DataFrame(rows), pd.DataFrame([_ordering(*entry, wrong) for entry in ORDERINGS])


def _per_class(net: OverFeat, recipe: TrainLocalizerSettings) -> Regressor:
    """Return a regressor with a box per class, trained as the shared one was; one that was trained before is kept."""
    key = hashlib.sha256(f"{weights_hash(net)} {recipe}".encode()).hexdigest()[:12]
    folder = Path(WORK) / "ablation" / key
    train_localizer(paths.IMAGES, net, recipe, 0, folder, lambda line: say(f"a regressor per class: {line}"))
    return load_regressor(folder / "last.pt", net)


def _trials(split: str, net: OverFeat, regressor: Regressor, infer: InferSettings, device: torch.device) -> Trials:
    say(f"looking at the pictures of split {split} at {len(infer.scales)} scales")
    assert net.class_names is not None
    return Trials(list(evidence(RECOGNITION, split, net, regressor, infer, device)), net.class_names)


def _with_threshold(held_out: Trials, settings: MergeSettings) -> MergeSettings:
    """Return the settings with the threshold that has the least error on the pictures held out."""
    if settings.boxes == "nms":
        return settings
    tried = [replace(settings, threshold=threshold) for threshold in THRESHOLDS[settings.match]]
    errors = [float((~held_out.found(one)["right"]).mean()) for one in tried]
    return tried[int(np.argmin(errors))]


def _baselines(trials: Trials) -> list[dict[str, object]]:
    """Return the rows of boxes that look at nothing; their class is given."""
    images = pictures.recognition_pictures()
    mean_box = localization.mean_box(images[images["split"] == "train"], trials.objects)
    baselines = {
        "whole picture": localization.whole_pictures(trials.images),
        "mean training box": localization.relative_boxes(trials.images, mean_box),
    }
    rows: list[dict[str, object]] = []
    for name, guesses in baselines.items():
        wrong = ~localization.hits(guesses, trials.objects, trials.truth)["right"].to_numpy(bool)
        rows.append({"variant": name, **error_percent("given_class_error", wrong, 0, 0)})
    return rows


def _ordering(claim: str, better: str, worse: str, wrong: dict[str, NDArray[np.bool_]]) -> dict[str, object]:
    """Say whether the error of ``better`` is the smaller one, by pictures in pairs, at 95 %."""
    gain = wrong[worse].astype(float) - wrong[better].astype(float)
    noise = 1.96 * gain.std() / np.sqrt(len(gain))
    verdict = "within noise" if abs(gain.mean()) <= noise else "holds" if gain.mean() > 0 else "does not hold"
    return {"claim": claim, "gain_percent": 100 * gain.mean(), "noise_percent": 100 * noise, "verdict": verdict}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
