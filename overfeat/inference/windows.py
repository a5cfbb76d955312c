"""Scales and windows: at which sizes a picture is looked at, and where each output cell looks.

Paper: section 3.3 and table 5.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from overfeat.errors import SettingsError
from overfeat.models.geometry import Geometry


def input_hw(
    geometry: Geometry, scale: int, height: int, width: int, sizes: Literal["aspect", "paper"] = "aspect"
) -> tuple[int, int]:
    """Return the ``(height, width)`` a picture is resized to at a scale; both are valid sides.

    Args:
        geometry: of the network.
        scale: number of the scale, 1 the smallest.
        height: of the picture.
        width: of the picture.
        sizes: "paper" for exactly the table's sizes, transposed for portraits; "aspect" for the table's short side
            and the valid long side nearest to the picture's aspect.

    Raises:
        SettingsError: if the network has no such scale.
    """
    scales = geometry.table.scales
    if not 1 <= scale <= len(scales):
        raise SettingsError(f"model {geometry.table.name!r} has scales 1 to {len(scales)}, not {scale}")
    step_short, step_long = scales[scale - 1]
    short = geometry.side_at(step_short)
    if sizes == "paper":
        long = geometry.side_at(step_long)
    else:
        long = geometry.valid_size(short * max(height, width) / min(height, width))
    return (short, long) if height <= width else (long, short)


@dataclass(frozen=True)
class WindowGrid:
    """The fine output map of one picture at one scale and flip.

    Attributes:
        geometry: of the network.
        input_hw: size of the picture in the network's input.
        image_hw: size of the original picture.
        flip: the input was mirrored left to right.
        margin: pixels put around the picture, on each side; windows may then begin left of or above it.
    """

    geometry: Geometry
    input_hw: tuple[int, int]
    image_hw: tuple[int, int]
    flip: bool
    margin: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the fine output."""
        rows, cols = (self.geometry.fine_side(side + 2 * self.margin) for side in self.input_hw)
        return rows, cols

    def cells(self) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Return the row and the column of every window, row by row."""
        rows, cols = np.indices(self.shape, dtype=np.int16)
        return rows.ravel(), cols.ravel()

    def windows(self) -> NDArray[np.float64]:
        """Return the window of every cell as a box ``(N, 4)`` in pixels of the resized picture."""
        rows, cols = (cell.astype(np.float64) * self.geometry.fine_stride - self.margin for cell in self.cells())
        return np.stack([cols, rows, cols + self.geometry.window, rows + self.geometry.window], axis=1)

    def fields_of_view(self) -> NDArray[np.float32]:
        """Return the window of every cell as a box ``(N, 4)`` in pixels of the original picture, the flip undone."""
        return self.to_original(self.windows()).astype(np.float32)

    def to_original(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return boxes ``(..., 4)`` of the resized picture in pixels of the original, the flip undone."""
        return self._mirrored(boxes) * self._factors

    def to_input(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return boxes ``(..., 4)`` of the original picture in pixels of the resized one, mirrored as it is."""
        return self._mirrored(boxes / self._factors)

    def _mirrored(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.flip:
            return boxes
        x1, y1, x2, y2 = np.moveaxis(boxes, -1, 0)
        return np.stack([self.input_hw[1] - x2, y1, self.input_hw[1] - x1, y2], axis=-1)

    @property
    def _factors(self) -> NDArray[np.float64]:
        y, x = self.image_hw[0] / self.input_hw[0], self.image_hw[1] / self.input_hw[1]
        return np.array([x, y, x, y])
