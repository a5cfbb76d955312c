"""Stage ``evaluate``: the measures of the decisions against the manifest."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from overfeat.atomic import write_text
from overfeat.config import EvaluateSettings, MergeSettings
from overfeat.errors import DatasetError
from overfeat.evaluation import classification
from overfeat.inference.localization import localizations, localize
from overfeat.inference.votes import read_votes
from overfeat.results.queries import READ_DECISIONS
from overfeat.results.schemas import DECISIONS, LOCALIZATIONS, WINDOWS, plain_columns
from overfeat.results.store import concatenate, read_footer, read_table, write_table
from pipelines import measures, paths
from pipelines.engine.console import say
from pipelines.engine.stage import Stage, Unit
from pipelines.measures import Metrics
from pipelines.roles import DETECTION, RECOGNITION

_NOTHING = "no picture with decisions has a label or an object to measure against; set infer.splits to others"


@dataclass(frozen=True)
class Evaluate(Stage):
    """A unit is one file of recognition's evidence, where boxes are looked for once more, now with the class given."""

    evaluate: EvaluateSettings
    merge: MergeSettings

    def plan(self) -> list[Unit]:
        """Return the files of evidence that have boxes of recognition."""
        facts = {path: read_footer(path) for path in sorted(paths.WINDOWS.glob("*.parquet"))}
        with_boxes = [path for path in facts if facts[path]["task"] == RECOGNITION and facts[path]["boxes"]]
        return [Unit(path.stem, {"file": path.name}) for path in with_boxes]

    def work(self, unit: Unit, folder: Path) -> None:
        """Write the box of the true class of every labelled picture."""
        file = paths.WINDOWS / str(unit.payload["file"])
        facts = read_footer(file)
        names = facts["class_names"]
        votes = read_votes(read_table(file, WINDOWS), len(names), self.merge)
        truth = measures.labelled()
        truth = truth[truth["image_id"].isin(votes.image_ids)]
        pairs = zip(truth["image_id"], truth["label"], strict=True)
        guesses = localize(votes, self.merge, {image_id: names.index(label) for image_id, label in pairs})
        table = localizations(votes, guesses, names, None, "", facts["model"])
        write_table(folder / "given_class.parquet", table, LOCALIZATIONS)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Measure every split that has decisions and something to hold them against."""
        given = concatenate([part / "given_class.parquet" for part in parts], LOCALIZATIONS).to_pandas()
        decided = {kind: _decisions(kind) for kind in DECISIONS}
        labels, plots = measures.labelled(), out / paths.PLOTS
        recognised = measures.recognised(decided["classifications"], labels)
        looked_at = decided["processed"][decided["processed"]["task"] == DETECTION]
        detected, averages, curves = measures.detected(decided["detections"], looked_at, self.evaluate)
        if not recognised and not detected:
            raise DatasetError(_NOTHING)
        metrics: dict[str, dict[str, Metrics]] = {
            "classification": {
                split: classification.error_metrics(frame, self.evaluate.bootstrap, self.evaluate.seed)
                for split, frame in recognised.items()
            },
            "localization": measures.localized(decided["localizations"], given, labels, self.evaluate) if parts else {},
            "detection": detected,
        }
        whole = pd.concat([frame.assign(split=split) for split, frame in recognised.items()] or [_NO_HITS])
        confusion = whole.rename(columns={"label": "actual", "guess": "predicted"})
        for name, frame in {
            "confusion": confusion[["image_id", "split", "actual", "predicted"]],
            "error_by_class": classification.error_by_class(whole),
            "average_precision": averages,
            "precision_recall": curves,
        }.items():
            write_text(plots / f"{name}.csv", frame.to_csv(index=False))
        write_text(out / paths.METRICS, json.dumps(metrics, indent=2) + "\n")
        for line in sentences(metrics):
            say(line)


_NO_HITS = pd.DataFrame(columns=["image_id", "label", "guess", "rank", "split"])


def _decisions(kind: str) -> pd.DataFrame:
    """Return all rows of one kind of decision, without the lists of what each was merged from."""
    return READ_DECISIONS[kind](paths.RESULTS, columns=plain_columns(DECISIONS[kind]))


def sentences(metrics: dict[str, dict[str, Metrics]]) -> list[str]:
    """Return a line for each task and split."""
    lines = []
    for split, of in metrics["classification"].items():
        errors = f"top-1 error {of['top1_error_percent']:.2f} %, top-5 error {of['top5_error_percent']:.2f} %"
        lines.append(f"{split}: {errors} on {of['pictures']:,} pictures")
    for split, of in metrics["localization"].items():
        given = f"with the class given {of['given_class_error_percent']:.2f} %"
        lines.append(f"{split}: localization error {of['error_percent']:.2f} %, {given} on {of['pictures']:,} pictures")
    for split, of in metrics["detection"].items():
        mean = f"mean average precision {of['map50_percent']:.2f} % at IoU 0.5"
        lines.append(f"{split}: {mean}, {of['objects']:,} objects in {of['pictures']:,} pictures")
    return lines


STAGE = Evaluate
