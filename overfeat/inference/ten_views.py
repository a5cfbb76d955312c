"""The ten views of Krizhevsky et al. (2012): four corners and the centre of a picture, and of its mirror image.

Their mean is the vote that the paper compares dense evaluation with (table 2, "10 views").
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from overfeat.errors import SettingsError
from overfeat.inference.windows import WindowGrid

VIEWS = 5
"""Of a picture, and as many of its mirror image."""


@dataclass(frozen=True)
class ViewGrid(WindowGrid):
    """Five crops of a picture: a map of one column, a crop a row.

    In the order top left, top right, bottom left, bottom right, centre; of a mirrored picture as it is then seen.
    """

    def __post_init__(self) -> None:
        """Refuse a picture smaller than a window. Raises SettingsError."""
        if min(self.input_hw) < self.geometry.window:
            raise SettingsError(
                f"infer.ten_view_side must be at least the window of the network, {self.geometry.window}, "
                f"not {min(self.input_hw)}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Five rows, one column."""
        return VIEWS, 1

    def windows(self) -> NDArray[np.float64]:
        """Return the crops as boxes ``(5, 4)`` in pixels of the resized picture."""
        side = self.geometry.window
        bottom, right = self.input_hw[0] - side, self.input_hw[1] - side
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
        return np.array([(left, top, left + side, top + side) for top, left in corners], np.float64)

    def crops(self, image: Tensor) -> Tensor:
        """Return the crops ``(5, 3, window, window)`` of the resized picture ``(3, height, width)``."""
        boxes = self.windows().astype(int).tolist()
        return torch.stack([image[:, y1:y2, x1:x2] for x1, y1, x2, y2 in boxes])
