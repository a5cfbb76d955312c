"""Stage ``merge``: decisions from the evidence. The network is not run, so settings here cost seconds."""

import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overfeat.config import MergeSettings
from overfeat.inference.calibration import read_calibrations
from overfeat.inference.decide import find_objects, recognize, threshold_of
from overfeat.models.checkpoint_folder import CALIBRATION_FILE
from overfeat.results.partition import write_decisions
from overfeat.results.schemas import DECISIONS, WINDOWS
from overfeat.results.store import read_footer, read_table, write_table
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
        windows, names = read_table(file, WINDOWS), facts["class_names"]
        confidences = read_calibrations(paths.CHECKPOINTS / CALIBRATION_FILE)
        run, model = run_name(self), facts["model"]
        if facts["task"] == DETECTION:
            decided = find_objects(windows, names, self.merge, confidences, run, model)
        else:
            decided = recognize(windows, names, facts["boxes"], self.merge, confidences, run, model)
        for kind, schema in DECISIONS.items():
            write_table(folder / f"{kind}.parquet", decided.get(kind, schema.empty_table()), schema)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Write the decisions of all pictures: for each kind a folder named by the run, files by split."""
        evidence = {facts["task"]: facts for facts in map(read_footer, sorted(paths.WINDOWS.glob("*.parquet")))}
        for kind in DECISIONS:
            task = DETECTION if kind == "detections" else RECOGNITION
            facts = {
                **footer(self),
                **{name: evidence.get(task, _NONE)[name] for name in _NONE},
                **{"match": self.merge.match, "threshold": threshold_of(kind, self.merge)},
                **{"run": run_name(self), "evidence_run": next(iter(evidence.values()))["run"]},
            }
            folder = out / paths.RESULTS / kind / run_name(self)
            write_decisions(folder, kind, [part / f"{kind}.parquet" for part in parts], facts)


STAGE = Merge

if __name__ == "__main__":
    runpy.run_module("pipelines.sweep", run_name="__main__")  # no import, since the stage does not depend on it
