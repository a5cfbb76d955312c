"""The weight files of the authors' release: ``net_weight_0`` (fast) and ``net_weight_1`` (accurate).

A file is the weights of every stage in order, ``(out, in, height, width)``, each followed by its biases, as
little-endian float32 without a header. Which net it is follows from its length.
"""

import sys
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from overfeat.errors import CheckpointError
from overfeat.models.network import OverFeat
from overfeat.models.tables import ACCURATE, FAST, ModelTable

CLASSES = 1000
_TABLES = (FAST, ACCURATE)
_BYTES = 4


def load_released(path: str | Path) -> OverFeat:
    """Return the network whose weights are in a file of the authors' release, in evaluation mode on the CPU.

    Args:
        path: ``net_weight_0`` or ``net_weight_1``, under any name.

    Returns:
        The net "fast" or "accurate", with the ``class_names`` of the release.

    Raises:
        CheckpointError: if the file is not there, cannot be read, is of another length than both, or has a weight
            that is not finite.
    """
    path = Path(path)
    net = OverFeat(_table_of(path), CLASSES)
    try:
        with path.open("rb", buffering=0) as file:
            for name, weights in net.named_parameters():
                _fill(weights.detach(), file, path, name)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from error
    net.class_names = class_names()
    return net.eval()


def class_names() -> list[str]:
    """Return the names of the release's 1,000 classes by output channel."""
    text = files("overfeat.models").joinpath("released_class_names.txt").read_text(encoding="utf-8")
    return text.splitlines()


def released_size(table: ModelTable) -> int:
    """Return the bytes of the file of a net with 1,000 classes."""
    with torch.device("meta"):
        net = OverFeat(table, CLASSES)
    return _BYTES * sum(weights.numel() for weights in net.parameters())


def _table_of(path: Path) -> ModelTable:
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}: give net_weight_0 or net_weight_1 of the authors' release")
    size = path.stat().st_size
    expected = {released_size(table): table for table in _TABLES}
    if size not in expected:
        known = " or ".join(f"{count:,} ({table.name})" for count, table in expected.items())
        raise CheckpointError(
            f"{path} has {size:,} bytes, where the authors' weights have {known}: it was cut, or is another file"
        )
    return expected[size]


def _fill(weights: Tensor, file: BinaryIO, path: Path, name: str) -> None:
    """Read a tensor's values into its own memory, so that no weight is there twice."""
    values = weights.numpy()
    buffer, start = memoryview(values.data).cast("B"), file.tell()
    while len(buffer):
        count = file.readinto(buffer)  # type: ignore[attr-defined]
        if not count:
            raise CheckpointError(f"{path} ends within {name}: it was cut; fetch it again")
        buffer = buffer[count:]
    if sys.byteorder == "big":
        values.byteswap(inplace=True)
    flat = values.reshape(-1)
    for first in range(0, flat.size, 1 << 22):
        wrong = np.flatnonzero(~np.isfinite(flat[first : first + (1 << 22)]))
        if len(wrong):
            byte = start + _BYTES * (first + int(wrong[0]))
            raise CheckpointError(f"{path} has a weight that is not finite at byte {byte:,}, in {name}; fetch it again")
