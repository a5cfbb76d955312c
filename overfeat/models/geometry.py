"""Geometry of a network, derived from its table: windows, strides, valid input sizes (paper, section 3.3).

Sides are in pixels of the network's input. "Fine" means with the last pool at all its offsets, "coarse" with
offset (0, 0) alone.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

from overfeat.models.tables import ModelTable, Stage


def _conv_side(stage: Stage, side: int) -> int:
    """Side of the map after the stage's convolution, before its pool."""
    return (side + 2 * stage.pad - stage.kernel) // stage.stride + 1


@dataclass(frozen=True)
class Geometry:
    """What follows from a table of stages."""

    table: ModelTable

    @cached_property
    def window(self) -> int:
        """Side of the input that gives a 1x1 output without a remainder anywhere: the training crop."""
        side = 1
        for stage in reversed(self.table.stages):
            side = (side * stage.pool - 1) * stage.stride + stage.kernel - 2 * stage.pad
        return side

    @cached_property
    def pool(self) -> int:
        """Size of the last pool, whose offsets make the fine output."""
        return self.table.features[-1].pool

    @cached_property
    def stride(self) -> int:
        """Pixels between the windows of neighbouring coarse outputs."""
        return prod(stage.stride * stage.pool for stage in self.table.stages)

    @cached_property
    def fine_stride(self) -> int:
        """Pixels between the windows of neighbouring fine outputs."""
        return self.stride // self.pool

    def stage_inputs(self, side: int) -> list[int]:
        """Return the side of every stage's input map for an input picture of ``side`` pixels."""
        sides = []
        for stage in self.table.stages:
            sides.append(side)
            side = _conv_side(stage, side) // stage.pool
        return sides

    def coarse_side(self, side: int) -> int:
        """Number of coarse outputs along an input of ``side`` pixels."""
        for stage in self.table.stages:
            side = _conv_side(stage, side) // stage.pool
        return max(side, 0)

    def fine_side(self, side: int) -> int:
        """Number of fine outputs along an input of ``side`` pixels."""
        for stage in self.table.features[:-1]:
            side = _conv_side(stage, side) // stage.pool
        unpooled = _conv_side(self.table.features[-1], side)
        first_full = self.table.classifier[0].kernel
        return max(unpooled - self.pool + 1 - self.pool * (first_full - 1), 0)

    def side_at(self, step: int) -> int:
        """Return the valid side number ``step``: ``window + (p - 1) * stride / p + step * stride``."""
        return self.window + (self.pool - 1) * self.fine_stride + step * self.stride

    def valid_size(self, pixels: float) -> int:
        """Return the valid side nearest to ``pixels`` (the smaller of two equally near, never under the smallest).

        At a valid side every pooling offset gives the same number of windows.
        """
        step = max(0, -((self.side_at(0) - pixels + self.stride / 2) // self.stride))
        return self.side_at(int(step))

    def multiply_adds(self, num_classes: int, side: int | None = None) -> int:
        """Multiply-adds of one coarse pass over a square input of ``side`` pixels (default: one window)."""
        side, channels, total = side or self.window, 3, 0
        for stage in self.table.stages:
            side = _conv_side(stage, side)
            out = stage.channels or num_classes
            total += side * side * out * channels * stage.kernel**2
            side, channels = side // stage.pool, out
        return total
