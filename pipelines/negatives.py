"""``python -m pipelines.negatives``: how negatives are chosen, and what that does to the detector.

Trains the detector of ``train_detector`` three times, with negatives at random, with the most offending ones, and with
half of each, and measures each on the validation pictures. What is trained is kept in ``.work`` and taken from there
another time.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd

from overfeat.atomic import write_text
from overfeat.config import TrainDetectorSettings
from overfeat.devices import choose_device
from overfeat.errors import OverFeatError, ResultsError
from overfeat.models.checkpoint_folder import has_detector
from overfeat.models.checkpoints import load_detector
from overfeat.models.detector import Detector
from overfeat.training.detector import train_detector
from pipelines import paths, pictures
from pipelines.detector_trials import load_settings, measure_detector
from pipelines.engine.console import say
from pipelines.roles import DETECTION
from pipelines.side_trainings import folder_of
from pipelines.trained import classifier_and_localizer

CHOICES: tuple[Literal["random", "hardest", "mix"], ...] = ("random", "hardest", "mix")
_COLUMNS = {
    "map50_percent": "mAP at IoU 0.5 %",
    "coco_ap_percent": "COCO AP %",
    "operating_recall_percent": "found %",
    "operating_false_a_picture": "false a picture",
    "empty_right_percent": "empty pictures without a detection %",
}


def main(arguments: Sequence[str]) -> int:
    """Train and measure the three ways of choosing, and write negatives.csv and negatives.md."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.negatives", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/negatives"), help="folder (default data/negatives)")
    out: Path = parser.parse_args(arguments).out
    try:
        infer, recipe, merge = load_settings()
        if not has_detector(paths.CHECKPOINTS):
            raise ResultsError("this needs data with objects: run `dvc repro train_detector` on them")
        rows = []
        for choose in CHOICES:
            detector = _train(replace(recipe, choose=choose), infer.checkpoint)
            measured = measure_detector(detector, infer, merge, choose_device(infer.device))
            rows.append({"choose": choose, **measured})
            say(f"{choose}: mean average precision {measured['map50_percent']:.2f} %")
    except OverFeatError as error:
        say(str(error))
        return 2
    frame = pd.DataFrame(rows)
    write_text(out / "negatives.csv", frame.to_csv(index=False))
    write_text(out / "negatives.md", _markdown(frame))
    say(f"the table is in {out}")
    return 0


def _train(recipe: TrainDetectorSettings, which: str) -> Detector:
    """Return the detector of a recipe, trained unless it was before."""
    classifier, localizer = classifier_and_localizer("member-0", recipe.classifier)
    folder = folder_of("negatives", recipe, classifier)
    labels = pictures.class_names(DETECTION)

    def report(line: str) -> None:
        say(f"{recipe.choose}: {line}")

    train_detector(paths.IMAGES_DETECTION, classifier, localizer, labels, recipe, 0, folder, report)
    return load_detector(folder / f"{which}.pt")


def _markdown(rows: pd.DataFrame) -> str:
    """Return the table for people; what could not be measured is left out."""
    shown = {name: title for name, title in _COLUMNS.items() if name in rows}
    lines = ["| negatives | " + " | ".join(shown.values()) + " |", "|---" * (1 + len(shown)) + "|"]
    lines += [
        f"| {row['choose']} | " + " | ".join(f"{row[name]:.2f}" for name in shown) + " |"
        for row in rows.to_dict("records")
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
