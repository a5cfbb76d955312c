"""Stage ``evaluate``: the measures of the decisions against the manifest."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from overfeat.atomic import write_text
from overfeat.config import EvaluateSettings
from overfeat.errors import DatasetError
from overfeat.evaluation.classification import error_by_class, error_metrics, hits
from overfeat.results.queries import read_classifications
from pipelines import paths
from pipelines.engine.console import say
from pipelines.engine.stage import Stage, Unit, gather


@dataclass(frozen=True)
class Evaluate(Stage):
    """One unit."""

    evaluate: EvaluateSettings

    @property
    def workers(self) -> int:
        """One."""
        return 1

    def plan(self) -> list[Unit]:
        """Return the one unit."""
        return [Unit("classification", {})]

    def work(self, unit: Unit, folder: Path) -> None:
        """Measure every split that has decisions and labels."""
        guesses = read_classifications(paths.RESULTS)
        images = pd.read_parquet(paths.MANIFEST / "images.parquet", columns=["image_id", "split", "label"])
        metrics, recognised = {}, []
        for split in sorted(guesses["split"].unique()):
            labelled = images[(images["split"] == split) & images["label"].notna()]
            if labelled.empty:
                continue
            truth = dict(zip(labelled["image_id"], labelled["label"], strict=True))
            frame = hits(guesses[guesses["split"] == split], truth)
            metrics[split] = error_metrics(frame, self.evaluate.bootstrap, self.evaluate.seed)
            recognised.append(frame.assign(split=split))
        if not recognised:
            raise DatasetError("no picture with decisions has a label to measure against; set infer.splits to others")
        write_text(folder / "metrics.json", json.dumps({"classification": metrics}, indent=2) + "\n")
        whole = pd.concat(recognised)
        confusion = whole.rename(columns={"label": "actual", "guess": "predicted"})
        write_text(
            folder / "confusion.csv", confusion[["image_id", "split", "actual", "predicted"]].to_csv(index=False)
        )
        write_text(folder / "error_by_class.csv", error_by_class(whole).to_csv(index=False))

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the measures and the plots' tables in their place and say the errors."""
        gather(parts, out / paths.PLOTS)
        (out / paths.PLOTS / "metrics.json").rename(out / paths.METRICS)
        for split, values in json.loads((out / paths.METRICS).read_text())["classification"].items():
            say(
                f"{split}: top-1 error {values['top1_error_percent']:.2f} %, top-5 error "
                f"{values['top5_error_percent']:.2f} % on {values['pictures']:,} pictures"
            )


STAGE = Evaluate
