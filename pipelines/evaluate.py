"""Stage ``evaluate``: the measures of the decisions against the manifest."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from overfeat.atomic import write_text
from overfeat.config import EvaluateSettings, MergeSettings
from overfeat.errors import DatasetError
from overfeat.evaluation import classification, localization
from overfeat.evaluation.intervals import error_percent
from overfeat.inference.localization import localizations, localize
from overfeat.inference.votes import read_votes
from overfeat.results.queries import read_classifications, read_localizations
from overfeat.results.schemas import LOCALIZATIONS, WINDOWS
from overfeat.results.store import concatenate, read_footer, read_table, write_table
from pipelines import paths
from pipelines.engine.console import say
from pipelines.engine.stage import Stage, Unit

_NOTHING = "no picture with decisions has a label to measure against; set infer.splits to others"


@dataclass(frozen=True)
class Evaluate(Stage):
    """A unit is one file of evidence, in which boxes are looked for once more, now with the true class given."""

    evaluate: EvaluateSettings
    merge: MergeSettings

    def plan(self) -> list[Unit]:
        """Return the files of evidence."""
        return [Unit(path.stem, {"file": path.name}) for path in sorted(paths.WINDOWS.glob("*.parquet"))]

    def work(self, unit: Unit, folder: Path) -> None:
        """Write the box of the true class of every labelled picture."""
        file = paths.WINDOWS / str(unit.payload["file"])
        facts = read_footer(file)
        table = LOCALIZATIONS.empty_table()
        if facts["boxes"]:
            names = facts["class_names"]
            votes = read_votes(read_table(file, WINDOWS), len(names), self.merge)
            truth = _labelled()
            truth = truth[truth["image_id"].isin(votes.image_ids)]
            pairs = zip(truth["image_id"], truth["label"], strict=True)
            guesses = localize(votes, self.merge, {image_id: names.index(label) for image_id, label in pairs})
            table = localizations(votes, guesses, names, None, "", facts["model"])
        write_table(folder / "given_class.parquet", table, LOCALIZATIONS)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Measure every split that has decisions and labels."""
        given = concatenate([part / "given_class.parquet" for part in parts], LOCALIZATIONS).to_pandas()
        labelled, plots = _labelled(), out / paths.PLOTS
        recognised = self._classification(read_classifications(paths.RESULTS), labelled)
        if not recognised:
            raise DatasetError(_NOTHING)
        metrics: dict[str, dict[str, dict[str, float]]] = {"classification": {}, "localization": {}}
        for split, frame in recognised.items():
            measures = classification.error_metrics(frame, self.evaluate.bootstrap, self.evaluate.seed)
            metrics["classification"][split] = measures
            say(
                f"{split}: top-1 error {measures['top1_error_percent']:.2f} %, top-5 error "
                f"{measures['top5_error_percent']:.2f} % on {len(frame):,} pictures"
            )
        whole = pd.concat([frame.assign(split=split) for split, frame in recognised.items()])
        confusion = whole.rename(columns={"label": "actual", "guess": "predicted"})
        write_text(plots / "confusion.csv", confusion[["image_id", "split", "actual", "predicted"]].to_csv(index=False))
        write_text(plots / "error_by_class.csv", classification.error_by_class(whole).to_csv(index=False))
        if read_footer(next(paths.WINDOWS.glob("*.parquet")))["boxes"]:
            metrics["localization"] = self._localization(read_localizations(paths.RESULTS), given, labelled)
        write_text(out / paths.METRICS, json.dumps(metrics, indent=2) + "\n")

    def _classification(self, guesses: pd.DataFrame, labelled: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return by split which pictures were recognised."""
        recognised = {}
        for split, of_split in guesses.groupby("split", observed=True):
            images = labelled[labelled["image_id"].isin(of_split["image_id"].unique())]
            if len(images):
                truth = dict(zip(images["image_id"], images["label"], strict=True))
                recognised[str(split)] = classification.hits(of_split, truth)
        return recognised

    def _localization(
        self, guesses: pd.DataFrame, given: pd.DataFrame, labelled: pd.DataFrame
    ) -> dict[str, dict[str, float]]:
        """Return by split the localization error, beside that with the class given and those of two plain baselines."""
        objects = pd.read_parquet(paths.MANIFEST / "objects.parquet")
        shape = localization.mean_box(labelled[labelled["split"] == "train"], objects)
        metrics = {}
        for split, of_split in guesses.groupby("split", observed=True):
            images = labelled[labelled["image_id"].isin(of_split["image_id"].unique())]
            truth = dict(zip(images["image_id"], images["label"], strict=True))

            def error(guessed: pd.DataFrame, truth: dict[str, Any] = truth) -> pd.DataFrame:
                return localization.hits(guessed, objects, truth)

            found = error(of_split)
            if found.empty:
                continue
            settings = self.evaluate.bootstrap, self.evaluate.seed
            measures = localization.error_metrics(found, *settings)
            for name, guessed in (
                ("given_class", given),
                ("given_class_whole_picture", localization.whole_pictures(images)),
                ("given_class_mean_box", localization.relative_boxes(images, shape)),
            ):
                wrong = ~error(guessed)["right"].to_numpy(bool)
                measures |= error_percent(f"{name}_error", wrong, *settings)
            known = of_split[of_split["confidence"].notna()]
            known = known[known["image_id"].isin(found["image_id"])]
            if len(known):
                right = localization.guess_ious(known, objects) >= localization.IOU
                value = localization.calibration_error(known["confidence"].to_numpy(float), right)
                measures["confidence_error_percent"] = round(100 * value, 4)
            metrics[str(split)] = measures
            say(
                f"{split}: localization error {measures['error_percent']:.2f} %, with the class given "
                f"{measures['given_class_error_percent']:.2f} % on {len(found):,} pictures"
            )
        return metrics


def _labelled() -> pd.DataFrame:
    """Return the manifest's pictures that have a label."""
    columns = ["image_id", "split", "label", "width", "height"]
    images = pd.read_parquet(paths.MANIFEST / "images.parquet", columns=columns)
    return images[images["label"].notna()]


STAGE = Evaluate
