"""What the stages share that run the networks densely: the networks, ranges of pictures, the evidence of a range."""

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from overfeat.config import InferSettings
from overfeat.devices import choose_device
from overfeat.errors import CheckpointError
from overfeat.images.decode import decode
from overfeat.inference.batches import Picture
from overfeat.inference.evidence import gather_evidence
from overfeat.models.checkpoints import load_detector, load_network, load_regressor, weights_hash
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor
from pipelines import paths
from pipelines.engine.stage import Unit
from pipelines.roles import DETECTION, images_of

_LARGE_NET_BYTES = 100e6


def workers(settings: InferSettings) -> int:
    """Return one a processor for a small net; one for a large net, whose products use all threads, and for a GPU."""
    large = _checkpoints(paths.CLASSIFIER, settings.checkpoint)[0].stat().st_size > _LARGE_NET_BYTES
    return 1 if large or choose_device(settings.device).type == "cuda" else len(os.sched_getaffinity(0))


def threads(settings: InferSettings) -> int:
    """Return the processors divided among the workers."""
    return len(os.sched_getaffinity(0)) // workers(settings)


def ranges(role: str, split: str, step: int, most: int | None = None) -> list[Unit]:
    """Return a unit for every ``step`` pictures of a role and split, of no more than ``most`` in all; none if none."""
    units = []
    left = most
    prefix = f"{DETECTION}-" if role == DETECTION else ""
    for shard in sorted(images_of(role).glob(f"{split}-*.parquet")):
        rows = pq.read_metadata(shard).num_rows
        rows = rows if left is None else min(rows, left)
        left = None if left is None else left - rows
        for start in range(0, rows, step):
            payload = {"role": role, "shard": shard.name, "start": start, "stop": min(rows, start + step)}
            units.append(Unit(f"{prefix}{shard.stem}-{start:06d}", payload))
    return units


def evidence(unit: Unit, settings: InferSettings, run: str) -> tuple[pa.Table, dict[str, Any]]:
    """Return the evidence of one range of pictures, and what it comes from: task, model, class names and geometry."""
    device, task = choose_device(settings.device), str(unit.payload["role"])
    if task == DETECTION:
        nets, regressors, model, margin = _load_detectors(settings.checkpoint, device)
    else:
        nets, regressors, model = _load_members(settings.checkpoint, device)
        margin = 0
    table = gather_evidence(nets, regressors, read_pictures(unit), for_task(task, settings), run, device, margin)
    geometry = {name: getattr(nets[0], name) for name in ("window", "stride", "fine_stride")}
    facts = {"model": model, "class_names": nets[0].class_names, "geometry": geometry, "boxes": bool(regressors)}
    return table, {**facts, "task": task}


def for_task(task: str, settings: InferSettings) -> InferSettings:
    """Return the settings with which a task looks at pictures: detection has its own scales, and no ten views."""
    if task == DETECTION:
        return replace(settings, scales=settings.detection_scales or settings.scales, ten_view_side=None)
    return settings


def has_localizer() -> bool:
    """Say whether there is a localizer: there is none where no training picture has a box."""
    return bool(list(paths.LOCALIZER.glob("member-*")))


def has_detector() -> bool:
    """Say whether there is a detector: there is none where no data set annotates every object."""
    return bool(list(paths.DETECTOR.glob("member-*")))


def _checkpoints(folder: Path, which: str) -> list[Path]:
    found = sorted(folder.glob(f"member-*/{which}.pt"), key=lambda path: int(path.parent.name[7:]))
    if not found:
        raise CheckpointError(f"there is no {which}.pt in {folder}: run the training stage")
    return found


def _latest(folder: Path, which: str) -> list[Path]:
    """Return a stage's checkpoints, or those of the same kind that were trained on together with the detector."""
    jointly = sorted(paths.DETECTOR.glob(f"member-*/{folder.name}/{which}.pt"), key=lambda path: path.parts[-3])
    return jointly or _checkpoints(folder, which)


@lru_cache(maxsize=1)
def _load_members(which: str, device: torch.device) -> tuple[list[OverFeat], list[Regressor], str]:
    """Return the nets, their regressors and the model's name: its table and the beginning of its weights' hashes."""
    nets = [load_network(path) for path in _latest(paths.CLASSIFIER, which)]
    files = _latest(paths.LOCALIZER, which) if has_localizer() else []
    regressors = [load_regressor(path, net) for path, net in zip(files, nets, strict=bool(files))]
    digests = "-".join([weights_hash(net)[:12] for net in nets] + [weights_hash(each)[:12] for each in regressors])
    placed = [net.to(device).to(memory_format=torch.channels_last) for net in nets]
    return placed, [regressor.to(device) for regressor in regressors], f"{nets[0].table.name}-{digests}"


@lru_cache(maxsize=1)
def _load_detectors(which: str, device: torch.device) -> tuple[list[OverFeat], list[Regressor], str, int]:
    """Return the nets of the detectors, their regressors, the model's name, and the margin around a picture."""
    detectors = [load_detector(path) for path in _checkpoints(paths.DETECTOR, which)]
    parts = [part for each in detectors for part in (each.net, each.regressor)]
    placed = [each.net.to(device).to(memory_format=torch.channels_last) for each in detectors]
    digests, margin = "-".join(weights_hash(part)[:12] for part in parts), detectors[0].margin
    return placed, [each.regressor.to(device) for each in detectors], f"{placed[0].table.name}-{digests}", margin


def read_pictures(unit: Unit) -> list[Picture]:
    """Return the pictures of a range of :func:`ranges`, sorted by image_id."""
    role, shard, start, stop = (unit.payload[name] for name in ("role", "shard", "start", "stop"))
    columns = ["image_id", "split", "width", "height", "jpeg"]
    rows = pq.read_table(images_of(role) / shard, columns=columns).slice(start, stop - start).to_pylist()
    rows.sort(key=lambda row: str(row["image_id"]))
    return [Picture(r["image_id"], r["split"], decode(r["jpeg"]), (r["height"], r["width"])) for r in rows]
