"""The networks run densely over a range of pictures, in a worker: see :mod:`pipelines.dense_stage` for the ranges."""

from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from overfeat.config import InferSettings
from overfeat.devices import choose_device
from overfeat.images.decode import decode
from overfeat.inference.batches import Picture
from overfeat.inference.evidence import for_task, gather_evidence
from overfeat.models.ensemble import Ensemble, load_detection, load_recognition
from pipelines import paths
from pipelines.engine.stage import Unit
from pipelines.roles import DETECTION, images_of


def evidence(unit: Unit, settings: InferSettings, run: str) -> tuple[pa.Table, dict[str, Any]]:
    """Return the evidence of one range of pictures, and what it comes from: task, model, class names and geometry."""
    device, task = choose_device(settings.device), str(unit.payload["role"])
    nets = _load(task, settings.checkpoint, device)
    settings = for_task(task, settings)
    table = gather_evidence(nets.nets, nets.regressors, read_pictures(unit), settings, run, device, nets.margin)
    return table, {**nets.facts, "task": task}


@lru_cache(maxsize=2)
def _load(task: str, which: str, device: torch.device) -> Ensemble:
    """Load the networks of a task once in a process."""
    return (load_detection if task == DETECTION else load_recognition)(paths.CHECKPOINTS, which, device)


def read_pictures(unit: Unit) -> list[Picture]:
    """Return the pictures of a range of :func:`pipelines.dense_stage.ranges`, sorted by image_id."""
    role, shard, start, stop = (unit.payload[name] for name in ("role", "shard", "start", "stop"))
    columns = ["image_id", "split", "width", "height", "jpeg"]
    rows = pq.read_table(images_of(role) / shard, columns=columns).slice(start, stop - start).to_pylist()
    rows.sort(key=lambda row: str(row["image_id"]))
    return [Picture(r["image_id"], r["split"], decode(r["jpeg"]), (r["height"], r["width"])) for r in rows]
