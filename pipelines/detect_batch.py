"""The units of flow ``detect_batch``: new pictures, each looked at once and decided.

It is no stage of ``dvc.yaml``: its runs are added to a folder and never made again (:mod:`pipelines.batches`).
"""

from dataclasses import dataclass
from pathlib import Path

from overfeat.config import MergeSettings, PreprocessSettings
from pipelines.dense_stage import DenseStage
from pipelines.engine.stage import Unit


@dataclass(frozen=True)
class DetectBatch(DenseStage):
    """A unit is some pictures; at most so many small copies of them are in memory, and one whole picture."""

    merge: MergeSettings
    preprocess: PreprocessSettings
    checkpoints: str
    contents: str
    """Parquet file with the image_id and the path of every picture."""
    evidence: bool

    @property
    def folder(self) -> Path:
        """Of the checkpoints."""
        return Path(self.checkpoints)

    def plan(self) -> list[Unit]:
        """Raise NotImplementedError: :func:`pipelines.batches.batch.open_batch` plans, which needs no network."""
        raise NotImplementedError

    def work(self, unit: Unit, folder: Path) -> None:
        """Look at the pictures of one unit and write what was seen; one that has changed since the call is left out."""
        from pipelines.batches.shard import work_shard

        work_shard(self, unit, folder)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Raise NotImplementedError: :func:`pipelines.batches.batch.finish` makes the run, which needs no network."""
        raise NotImplementedError


STAGE = DetectBatch
