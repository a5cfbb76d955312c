"""Pictures that are looked at, in batches of one size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from overfeat.inference.windows import input_hw
from overfeat.models.geometry import Geometry


@dataclass(frozen=True)
class Picture:
    """A picture to be looked at: its pixels, uint8 ``(3, h, w)``, and the size ``(height, width)`` of the original."""

    image_id: str
    split: str
    pixels: Tensor
    original_hw: tuple[int, int]


def same_size_chunks(
    geometry: Geometry,
    pictures: Sequence[Picture],
    scale: int,
    sizes: Literal["aspect", "paper"],
    batch_windows: int,
    margin: int = 0,
) -> Iterator[list[tuple[int, tuple[int, int]]]]:
    """Yield lists of (position, input size), one size a list, of at most ``batch_windows`` windows."""
    by_size: dict[tuple[int, int], list[int]] = {}
    for position, picture in enumerate(pictures):
        by_size.setdefault(input_hw(geometry, scale, *picture.original_hw, sizes), []).append(position)
    for size, positions in by_size.items():
        windows = geometry.fine_side(size[0] + 2 * margin) * geometry.fine_side(size[1] + 2 * margin)
        step = max(1, batch_windows // windows)
        for start in range(0, len(positions), step):
            yield [(position, size) for position in positions[start : start + step]]
