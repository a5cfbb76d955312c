"""Stage ``infer``: the network run densely over scales and flips; what every window said is kept as evidence."""

import os
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow.parquet as pq
import torch

from overfeat.config import InferSettings
from overfeat.devices import choose_device
from overfeat.images.decode import decode
from overfeat.images.shards import shard_paths
from overfeat.inference.evidence import Picture, gather_evidence
from overfeat.models.checkpoints import load_network, weights_hash
from overfeat.models.network import OverFeat
from overfeat.results.schemas import WINDOWS
from overfeat.results.store import write_table
from pipelines import paths
from pipelines.engine.provenance import footer, run_name
from pipelines.engine.stage import Stage, Unit, gather

_LARGE_NET_BYTES = 100e6


@dataclass(frozen=True)
class Infer(Stage):
    """A unit is a range of one shard's pictures."""

    infer: InferSettings

    @property
    def workers(self) -> int:
        """One a processor for a small net; one for a large net, whose products use all threads, and for a GPU."""
        large = _checkpoints(self.infer.checkpoint)[0].stat().st_size > _LARGE_NET_BYTES
        return 1 if large or choose_device(self.infer.device).type == "cuda" else len(os.sched_getaffinity(0))

    @property
    def threads(self) -> int:
        """The processors divided among the workers."""
        return len(os.sched_getaffinity(0)) // self.workers

    def plan(self) -> list[Unit]:
        """Return the ranges of all shards of the splits that are asked for."""
        units = []
        for split in self.infer.splits:
            for shard in shard_paths(paths.IMAGES, split):
                rows, step = pq.read_metadata(shard).num_rows, self.infer.unit_images
                for start in range(0, rows, step):
                    payload = {"shard": shard.name, "start": start, "stop": min(rows, start + step)}
                    units.append(Unit(f"{shard.stem}-{start:06d}", payload))
        return units

    def work(self, unit: Unit, folder: Path) -> None:
        """Write the evidence of one range of pictures."""
        device = choose_device(self.infer.device)
        nets, model = _load_members(self.infer.checkpoint, device)
        run = run_name(self)
        pictures = _read_pictures(
            paths.IMAGES / str(unit.payload["shard"]), int(unit.payload["start"]), int(unit.payload["stop"])
        )
        table = gather_evidence(nets, pictures, self.infer, run, device)
        geometry = {name: getattr(nets[0], name) for name in ("window", "stride", "fine_stride")}
        facts = {"run": run, "model": model, "class_names": nets[0].class_names, "geometry": geometry}
        write_table(folder / f"{unit.name}.parquet", table, WINDOWS, {**footer(self), **facts, **asdict(self.infer)})

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the evidence in its place."""
        gather(parts, out / paths.WINDOWS)


def _checkpoints(which: str) -> list[Path]:
    return sorted(paths.CLASSIFIER.glob(f"member-*/{which}.pt"), key=lambda path: int(path.parent.name[7:]))


@lru_cache(maxsize=1)
def _load_members(which: str, device: torch.device) -> tuple[list[OverFeat], str]:
    """Return the nets and the model's name: its table and the beginning of its weights' hash."""
    nets = [load_network(path).to(device).to(memory_format=torch.channels_last) for path in _checkpoints(which)]
    digests = "-".join(weights_hash(net)[:12] for net in nets)
    return nets, f"{nets[0].table.name}-{digests}"


def _read_pictures(shard: Path, start: int, stop: int) -> list[Picture]:
    columns = ["image_id", "split", "width", "height", "jpeg"]
    rows = pq.read_table(shard, columns=columns).slice(start, stop - start).to_pylist()
    return [Picture(r["image_id"], r["split"], decode(r["jpeg"]), (r["height"], r["width"])) for r in rows]


STAGE = Infer
