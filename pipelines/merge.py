"""Stage ``merge``: decisions from the evidence. The network is not run, so settings here cost seconds."""

import json
import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from overfeat.config import MergeSettings
from overfeat.inference.calibration import Calibration
from overfeat.inference.decisions import class_scores, classifications
from overfeat.inference.detection import detect, detections, for_detection, processed
from overfeat.inference.localization import localizations, localize
from overfeat.inference.merge import DEFAULT_THRESHOLDS
from overfeat.inference.votes import read_votes
from overfeat.results.schemas import DECISIONS, WINDOWS
from overfeat.results.store import concatenate, read_footer, read_table, write_table
from pipelines import paths
from pipelines.engine.provenance import footer, run_name
from pipelines.engine.stage import Stage, Unit
from pipelines.roles import DETECTION, RECOGNITION

_NONE: dict[str, Any] = {"model": None, "class_names": [], "boxes": False}
"""What is known of a task without evidence."""


@dataclass(frozen=True)
class Merge(Stage):
    """A unit is one file of evidence: all windows of some pictures."""

    merge: MergeSettings

    def plan(self) -> list[Unit]:
        """Return the files of evidence."""
        return [Unit(path.stem, {"file": path.name}) for path in sorted(paths.WINDOWS.glob("*.parquet"))]

    def work(self, unit: Unit, folder: Path) -> None:
        """Decide on one file's pictures: classes and the boxes of these, or all objects, as its task is."""
        file = paths.WINDOWS / str(unit.payload["file"])
        facts = read_footer(file)
        decide = self._detect if facts["task"] == DETECTION else self._recognize
        decided = decide(read_table(file, WINDOWS), facts)
        for kind, schema in DECISIONS.items():
            write_table(folder / f"{kind}.parquet", decided.get(kind, schema.empty_table()), schema)

    def _recognize(self, windows: pa.Table, facts: dict[str, Any]) -> dict[str, pa.Table]:
        names, run, model = facts["class_names"], run_name(self), facts["model"]
        votes = read_votes(windows, len(names), self.merge)
        classes = classifications(votes, class_scores(votes), names, self.merge.top_k, run, model)
        tables = {"classifications": classes, "processed": processed(votes, None, RECOGNITION, run, model)}
        if facts["boxes"]:
            guesses, calibration = localize(votes, self.merge), self._calibration("localization")
            tables["localizations"] = localizations(votes, guesses, names, calibration, run, model)
        return tables

    def _detect(self, windows: pa.Table, facts: dict[str, Any]) -> dict[str, pa.Table]:
        names, run, model = facts["class_names"], run_name(self), facts["model"]
        votes = read_votes(windows, len(names), for_detection(self.merge))
        found = detect(votes, self.merge)
        return {
            "detections": detections(votes, found, names, self._calibration("detection"), run, model),
            "processed": processed(votes, found, DETECTION, run, model),
        }

    def _calibration(self, what: str) -> Calibration | None:
        """Return the fitted confidence: it is of sums over dense windows, so other ways have none."""
        other = self.merge.scores != "probabilities" or self.merge.offsets in ("centre", "ten_views")
        if self.merge.boxes == "nms" or (other and what == "localization"):
            return None
        values = json.loads((paths.CALIBRATION / "calibration.json").read_text(encoding="utf-8"))[what]
        return Calibration(**values) if values else None

    def finish(self, parts: list[Path], out: Path) -> None:
        """Write the decisions of all pictures, a file for each kind, named by the run."""
        evidence = {facts["task"]: facts for facts in map(read_footer, sorted(paths.WINDOWS.glob("*.parquet")))}
        default = DEFAULT_THRESHOLDS[self.merge.match]
        for kind, schema in DECISIONS.items():
            task = DETECTION if kind == "detections" else RECOGNITION
            table = concatenate([part / f"{kind}.parquet" for part in parts], schema)
            threshold = self.merge.detection_threshold if kind == "detections" else self.merge.threshold
            facts = {
                **footer(self),
                **{name: evidence.get(task, _NONE)[name] for name in _NONE},
                **{"match": self.merge.match, "threshold": default if threshold is None else threshold},
                **{"run": run_name(self), "evidence_run": next(iter(evidence.values()))["run"]},
            }
            write_table(out / paths.RESULTS / kind / f"{run_name(self)}.parquet", table, schema, facts)


STAGE = Merge

if __name__ == "__main__":
    runpy.run_module("pipelines.sweep", run_name="__main__")  # no import, since the stage does not depend on it
