"""How the stages that run the networks densely are planned: ranges of pictures, and how many are looked at at once."""

import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from overfeat.config import InferSettings
from overfeat.devices import wants_gpu
from overfeat.models.checkpoint_folder import checkpoint_files
from pipelines import paths
from pipelines.engine.stage import Stage, Unit
from pipelines.roles import images_of, range_prefix

_LARGE_NET_BYTES = 100e6


def workers(settings: InferSettings, checkpoints: Path = paths.CHECKPOINTS) -> int:
    """Return one a processor for a small net; one for a large net, whose products use all threads, and for a GPU."""
    first = checkpoint_files(checkpoints, paths.CLASSIFIER.name, settings.checkpoint)[0]
    large = first.stat().st_size > _LARGE_NET_BYTES
    return 1 if large or wants_gpu(settings.device) else len(os.sched_getaffinity(0))


def threads(settings: InferSettings, checkpoints: Path = paths.CHECKPOINTS) -> int:
    """Return the processors divided among the workers."""
    return len(os.sched_getaffinity(0)) // workers(settings, checkpoints)


@dataclass(frozen=True)
class DenseStage(Stage):
    """A stage whose units run the networks densely."""

    infer: InferSettings

    @property
    def folder(self) -> Path:
        """Of the checkpoints."""
        return paths.CHECKPOINTS

    @property
    def workers(self) -> int:
        """As the network and the device want it."""
        return workers(self.infer, self.folder)

    @property
    def threads(self) -> int:
        """The processors divided among the workers."""
        return threads(self.infer, self.folder)

    @property
    def gpu(self) -> bool:
        """As the setting of its device says."""
        return wants_gpu(self.infer.device)


def ranges(role: str, split: str, step: int, most: int | None = None) -> list[Unit]:
    """Return a unit for every ``step`` pictures of a role and split, of no more than ``most`` in all; none if none."""
    units = []
    left = most
    for shard in sorted(images_of(role).glob(f"{split}-*.parquet")):
        rows = pq.read_metadata(shard).num_rows
        rows = rows if left is None else min(rows, left)
        left = None if left is None else left - rows
        for start in range(0, rows, step):
            payload = {"role": role, "shard": shard.name, "start": start, "stop": min(rows, start + step)}
            units.append(Unit(f"{range_prefix(role)}{shard.stem}-{start:06d}", payload))
    return units
