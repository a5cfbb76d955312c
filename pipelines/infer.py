"""Stage ``infer``: the network run densely over scales and flips; what every window said is kept as evidence."""

from dataclasses import asdict, dataclass
from pathlib import Path

from overfeat.errors import DatasetError
from overfeat.models.checkpoint_folder import has_detector
from overfeat.results.schemas import WINDOWS
from overfeat.results.store import write_table
from pipelines import dense_stage, paths
from pipelines.engine.provenance import footer, run_name
from pipelines.engine.stage import Unit, gather
from pipelines.roles import DETECTION, RECOGNITION


@dataclass(frozen=True)
class Infer(dense_stage.DenseStage):
    """A unit is a range of one shard's pictures."""

    def plan(self) -> list[Unit]:
        """Return the ranges of all shards of the splits that are asked for, for every task that has a network.

        Raises:
            DatasetError: if a split has no picture.
        """
        units: list[Unit] = []
        for split in self.infer.splits:
            of_split = dense_stage.ranges(RECOGNITION, split, self.infer.unit_images)
            if has_detector(paths.CHECKPOINTS):
                of_split += dense_stage.ranges(DETECTION, split, self.infer.unit_images)
            if not of_split:
                raise DatasetError(f"there are no pictures of split {split!r}, which infer.splits names")
            units += of_split
        return units

    def work(self, unit: Unit, folder: Path) -> None:
        """Write the evidence of one range of pictures."""
        from pipelines import dense_pass

        run = run_name(self)
        table, facts = dense_pass.evidence(unit, self.infer, run)
        facts = {**footer(self), **facts, "run": run, **asdict(self.infer)}
        write_table(folder / f"{unit.name}.parquet", table, WINDOWS, facts)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the evidence in its place."""
        gather(parts, out / paths.WINDOWS)


STAGE = Infer
