"""Stage ``merge``: decisions from the evidence. The network is not run, so settings here cost seconds."""

from dataclasses import dataclass
from pathlib import Path

from overfeat.config import MergeSettings
from overfeat.inference.decisions import class_scores, classifications
from overfeat.results.schemas import CLASSIFICATIONS, WINDOWS
from overfeat.results.store import concatenate, read_footer, read_table, write_table
from pipelines import paths
from pipelines.engine.provenance import footer, run_name
from pipelines.engine.stage import Stage, Unit


@dataclass(frozen=True)
class Merge(Stage):
    """A unit is one file of evidence: all windows of some pictures."""

    merge: MergeSettings

    def plan(self) -> list[Unit]:
        """Return the files of evidence."""
        return [Unit(path.stem, {"file": path.name}) for path in sorted(paths.WINDOWS.glob("*.parquet"))]

    def work(self, unit: Unit, folder: Path) -> None:
        """Decide the classes of one file's pictures."""
        file = paths.WINDOWS / str(unit.payload["file"])
        facts = read_footer(file)
        names = facts["class_names"]
        scores = class_scores(read_table(file, WINDOWS), len(names), self.merge)
        table = classifications(scores, names, self.merge.top_k, run_name(self), facts["model"])
        write_table(folder / "classifications.parquet", table, CLASSIFICATIONS)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Write the decisions of all pictures as one file, named by the run."""
        table = concatenate([part / "classifications.parquet" for part in parts], CLASSIFICATIONS)
        evidence = read_footer(next(paths.WINDOWS.glob("*.parquet")))
        kept = {name: evidence[name] for name in ("model", "class_names")}
        facts = {**footer(self), **kept, "run": run_name(self), "evidence_run": evidence["run"]}
        write_table(
            out / paths.RESULTS / "classifications" / f"{run_name(self)}.parquet", table, CLASSIFICATIONS, facts
        )


STAGE = Merge
