"""Stage ``merge``: decisions from the evidence. The network is not run, so settings here cost seconds."""

import json
import runpy
from dataclasses import dataclass
from pathlib import Path

from overfeat.config import MergeSettings
from overfeat.inference.calibration import Calibration
from overfeat.inference.decisions import class_scores, classifications
from overfeat.inference.localization import localizations, localize
from overfeat.inference.merge import DEFAULT_THRESHOLDS
from overfeat.inference.votes import read_votes
from overfeat.results.schemas import CLASSIFICATIONS, LOCALIZATIONS, WINDOWS
from overfeat.results.store import concatenate, read_footer, read_table, write_table
from pipelines import paths
from pipelines.engine.provenance import footer, run_name
from pipelines.engine.stage import Stage, Unit

_TABLES = {"classifications": CLASSIFICATIONS, "localizations": LOCALIZATIONS}


@dataclass(frozen=True)
class Merge(Stage):
    """A unit is one file of evidence: all windows of some pictures."""

    merge: MergeSettings

    def plan(self) -> list[Unit]:
        """Return the files of evidence."""
        return [Unit(path.stem, {"file": path.name}) for path in sorted(paths.WINDOWS.glob("*.parquet"))]

    def work(self, unit: Unit, folder: Path) -> None:
        """Decide the classes, and the boxes if there are any, of one file's pictures."""
        file = paths.WINDOWS / str(unit.payload["file"])
        facts = read_footer(file)
        names, run, model = facts["class_names"], run_name(self), facts["model"]
        votes = read_votes(read_table(file, WINDOWS), len(names), self.merge)
        classes = classifications(votes, class_scores(votes), names, self.merge.top_k, run, model)
        write_table(folder / "classifications.parquet", classes, CLASSIFICATIONS)
        boxes = LOCALIZATIONS.empty_table()
        if facts["boxes"]:
            boxes = localizations(votes, localize(votes, self.merge), names, self._calibration(), run, model)
        write_table(folder / "localizations.parquet", boxes, LOCALIZATIONS)

    def _calibration(self) -> Calibration | None:
        """Return the fitted confidence: it is of sums of probabilities, so logits and single windows have none."""
        if self.merge.scores != "probabilities" or self.merge.boxes == "nms" or self.merge.offsets == "centre":
            return None
        values = json.loads((paths.CALIBRATION / "calibration.json").read_text(encoding="utf-8"))["localization"]
        return Calibration(**values) if values else None

    def finish(self, parts: list[Path], out: Path) -> None:
        """Write the decisions of all pictures, a file for each kind, named by the run."""
        evidence = read_footer(next(paths.WINDOWS.glob("*.parquet")))
        kept = {name: evidence[name] for name in ("model", "class_names", "boxes")}
        threshold = DEFAULT_THRESHOLDS[self.merge.match] if self.merge.threshold is None else self.merge.threshold
        used = {"match": self.merge.match, "threshold": threshold}
        facts = {**footer(self), **kept, **used, "run": run_name(self), "evidence_run": evidence["run"]}
        for kind, schema in _TABLES.items():
            table = concatenate([part / f"{kind}.parquet" for part in parts], schema)
            write_table(out / paths.RESULTS / kind / f"{run_name(self)}.parquet", table, schema, facts)


STAGE = Merge

if __name__ == "__main__":
    runpy.run_module("pipelines.sweep", run_name="__main__")  # no import, since the stage does not depend on it
