"""``python -m pipelines.sharing``: features shared, separate or trained jointly, the three tasks' errors side by side.

- shared: the features are trained by classification alone; the heads of the other tasks are trained on them;
- separate: every task trains features of its own, each beginning with those of classification;
- joint: one set of features is trained by all three tasks at once.

All begin with the stages' classifier and localizer and follow the recipe of ``train_detector``. What is trained is kept
in ``.work`` and taken from there another time.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch

from overfeat.atomic import write_text
from overfeat.config import InferSettings, MergeSettings, TrainDetectorSettings
from overfeat.devices import choose_device
from overfeat.errors import OverFeatError, ResultsError
from overfeat.evaluation.classification import error_metrics, hits
from overfeat.inference.decisions import class_scores, classifications
from overfeat.inference.votes import read_votes
from overfeat.models.checkpoint_folder import has_detector, has_localizer
from overfeat.models.checkpoints import load_detector, load_network, load_regressor
from overfeat.models.detector import Detector
from overfeat.models.joint import JointNet
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor
from overfeat.training.detector import train_detector
from overfeat.training.joint import JOINT_TASKS, start_joint, train_joint
from pipelines import measures, paths, pictures
from pipelines.detector_trials import load_settings, measure_detector
from pipelines.engine.console import say
from pipelines.roles import DETECTION, RECOGNITION
from pipelines.side_trainings import folder_of
from pipelines.trained import classifier_and_localizer
from pipelines.trials import Trials, evidence

_SHOWN = (
    *("top1_error_percent", "given_class_error_percent", "given_class_mean_iou_percent"),
    *("map50_percent", "coco_ap_percent"),
)
WAYS = ("shared", "separate", "joint")


class Nets(NamedTuple):
    """The nets of the three tasks; the classifier that the localizer's features belong to is beside it."""

    classifier: OverFeat
    localizer: tuple[OverFeat, Regressor]
    detector: Detector


def main(arguments: Sequence[str]) -> int:
    """Train the three ways, measure each on the validation pictures, and write sharing.csv and sharing.md."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.sharing", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/sharing"), help="folder (default data/sharing)")
    out: Path = parser.parse_args(arguments).out
    try:
        infer, recipe, merge = load_settings()
        rows = pd.DataFrame([{"features": way, **measure(way, recipe, infer, merge)} for way in WAYS])
    except OverFeatError as error:
        say(str(error))
        return 2
    write_text(out / "sharing.csv", rows.to_csv(index=False))
    write_text(out / "sharing.md", _markdown(rows))
    say(f"the table is in {out}")
    return 0


def measure(way: str, recipe: TrainDetectorSettings, infer: InferSettings, merge: MergeSettings) -> dict[str, float]:
    """Return the errors of the three tasks, in percent, with the nets trained in one way."""
    if not (has_localizer(paths.CHECKPOINTS) and has_detector(paths.CHECKPOINTS)):
        raise ResultsError("this needs a localizer and a detector: run `dvc repro train_detector` on data with objects")
    device = choose_device(infer.device)
    nets = _train(way, recipe, infer.checkpoint)
    found = {
        **_recognition(nets, infer, merge, device),
        **measure_detector(nets.detector, infer, merge, device),
    }
    say(f"{way}: " + ", ".join(f"{name} {value:.2f}" for name, value in found.items()))
    return found


def _train(way: str, recipe: TrainDetectorSettings, which: str) -> Nets:
    """Return the nets of one way, trained unless they were before."""
    classifier, localizer = classifier_and_localizer("member-0", recipe.classifier)
    assert localizer is not None  # measure() has looked
    labels = pictures.class_names(DETECTION)
    folder = folder_of("sharing", recipe, classifier, localizer) / way

    def report(line: str) -> None:
        say(f"{way}: {line}")

    if way == "joint":
        joint = replace(recipe, features="joint")
        net = start_joint(classifier, localizer, labels, joint, 0)
        train_joint(paths.IMAGES, paths.IMAGES_DETECTION, net, JOINT_TASKS, joint, 0, folder, report)
        both = _recognition_of(folder, which)
        return Nets(both[0], both, load_detector(folder / f"{which}.pt"))
    own = replace(recipe, features="shared" if way == "shared" else "own")
    train_detector(paths.IMAGES_DETECTION, classifier, localizer, labels, own, 0, folder, report)
    detector = load_detector(folder / f"{which}.pt")
    if way == "shared":
        return Nets(classifier, (classifier, localizer), detector)
    alone = folder / "localization"
    start, boxes = classifier_and_localizer("member-0", recipe.classifier)
    train_joint(paths.IMAGES, None, JointNet(start, boxes, None), {"localization"}, recipe, 0, alone, report)
    return Nets(classifier, _recognition_of(alone, which), detector)


def _recognition_of(folder: Path, which: str) -> tuple[OverFeat, Regressor]:
    net = load_network(folder / "classifier" / f"{which}.pt")
    return net, load_regressor(folder / "localizer" / f"{which}.pt", net)


def _recognition(nets: Nets, infer: InferSettings, merge: MergeSettings, device: torch.device) -> dict[str, float]:
    """Return the errors of classification and localization; the classes of boxes are those of the classifier."""
    names = nets.classifier.class_names
    assert names is not None
    given, own = nets.localizer
    by_class = evidence(RECOGNITION, infer.splits[0], nets.classifier, None, infer, device)
    labels = measures.labelled()
    frames = []
    for table in by_class:
        votes = read_votes(table, len(names), merge)
        frames.append(classifications(votes, class_scores(votes), names, merge.top_k, "", "").to_pandas())
    guesses = pd.concat(frames)
    images = labels[labels["image_id"].isin(guesses["image_id"].unique())]
    truth = dict(zip(images["image_id"], images["label"], strict=True))
    errors = error_metrics(hits(guesses, truth), 0, 0)
    trials = Trials(list(evidence(RECOGNITION, infer.splits[0], given, own, infer, device)), names)
    return {
        "top1_error_percent": errors["top1_error_percent"],
        "given_class_error_percent": 100 * float(trials.given_wrong(merge).mean()),
        "given_class_mean_iou_percent": 100 * trials.given_iou(merge),
    }


def _markdown(rows: pd.DataFrame) -> str:
    """Return the table for people."""
    lines = [
        "| features | top-1 error % | box wrong, class given % | its mean IoU % | mAP at IoU 0.5 % | COCO AP % |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['features']} | " + " | ".join(f"{row[name]:.2f}" for name in _SHOWN) + " |"
        for row in rows.to_dict("records")
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
