"""The networks, one table of stages each (paper, tables 1 and 3).

A variant is added by writing one table here. Everything about its geometry (window, strides, valid input sizes,
the field of view of an output cell) is derived from the table in :mod:`overfeat.models.geometry`.
"""

from dataclasses import dataclass
from typing import Literal

from overfeat.errors import SettingsError, did_you_mean


@dataclass(frozen=True)
class Stage:
    """One row: a convolution, the rectifier after it, and a max pool whose stride is its size.

    Attributes:
        kind: "conv", or "full" for a fully connected layer written as a convolution.
        channels: output channels; 0 in the last stage, where it is the number of classes.
        kernel: side of the filter.
        stride, pad: of the convolution.
        pool: side and stride of the max pool; 1 for none.
    """

    kind: Literal["conv", "full"]
    channels: int
    kernel: int
    stride: int = 1
    pad: int = 0
    pool: int = 1


@dataclass(frozen=True)
class ModelTable:
    """A network.

    Attributes:
        name: by which settings choose it.
        stages: from pixels to classes.
        scales: (height, width) in steps of the total stride, landscape; ``(0, 0)`` is the smallest input at which
            every pooling offset gives the same number of windows.
        regressor: channels of the box regressor's two hidden layers (paper, section 4.1).
    """

    name: str
    stages: tuple[Stage, ...]
    scales: tuple[tuple[int, int], ...]
    regressor: tuple[int, int] = (4096, 1024)

    def __post_init__(self) -> None:
        """Refuse a table that the dense evaluation could not be exact for."""
        kinds = [stage.kind for stage in self.stages]
        if not self.features or not self.classifier or kinds != sorted(kinds):  # "conv" comes before "full"
            raise SettingsError(f"model {self.name!r}: the stages must be one or more 'conv', then one or more 'full'")
        for number, stage in enumerate(self.stages, 1):
            first_full = number == len(self.features) + 1
            if stage.kind == "full" and (stage.stride, stage.pad, stage.pool) != (1, 0, 1):
                raise SettingsError(f"model {self.name!r}: 'full' stage {number} can have no stride, pad or pool")
            if stage.kind == "full" and stage.kernel > 1 and not first_full:
                raise SettingsError(f"model {self.name!r}: stage {number}: only the first 'full' stage can be over 1x1")
            if (stage.channels == 0) != (number == len(self.stages)):
                raise SettingsError(f"model {self.name!r}: 0 channels (the number of classes) belong to the last stage")

    @property
    def features(self) -> tuple[Stage, ...]:
        """The convolutional stages."""
        return tuple(s for s in self.stages if s.kind == "conv")

    @property
    def classifier(self) -> tuple[Stage, ...]:
        """The fully connected stages."""
        return tuple(s for s in self.stages if s.kind == "full")


PAPER_SCALES = ((0, 0), (1, 2), (2, 4), (4, 6), (5, 7), (6, 9))
"""Table 5 of the paper: 245x245, 281x317, 317x389, 389x461, 425x497 and 461x569 for the accurate net."""

FAST = ModelTable(
    "fast",
    (
        Stage("conv", 96, 11, stride=4, pool=2),
        Stage("conv", 256, 5, pool=2),
        Stage("conv", 512, 3, pad=1),
        Stage("conv", 1024, 3, pad=1),
        Stage("conv", 1024, 3, pad=1, pool=2),
        Stage("full", 3072, 6),
        Stage("full", 4096, 1),
        Stage("full", 0, 1),
    ),
    PAPER_SCALES,
)

ACCURATE = ModelTable(
    "accurate",
    (
        Stage("conv", 96, 7, stride=2, pool=3),
        Stage("conv", 256, 7, pool=2),
        Stage("conv", 512, 3, pad=1),
        Stage("conv", 512, 3, pad=1),
        Stage("conv", 1024, 3, pad=1),
        Stage("conv", 1024, 3, pad=1, pool=3),
        Stage("full", 4096, 5),
        Stage("full", 4096, 1),
        Stage("full", 0, 1),
    ),
    PAPER_SCALES,
)

MINI = ModelTable(
    "mini",
    (
        Stage("conv", 32, 5, pool=2),
        Stage("conv", 64, 3, pad=1, pool=2),
        Stage("conv", 128, 3, pad=1),
        Stage("conv", 128, 3, pad=1, pool=3),
        Stage("full", 256, 4),
        Stage("full", 256, 1),
        Stage("full", 0, 1),
    ),
    ((0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (7, 7), (10, 10), (15, 15), (20, 20), (26, 26)),
    regressor=(256, 128),
)
"""Small enough for two processor cores: window 52, total stride 12, fine stride 4.

Scales 1 to 6 are of 60 to 120 pixels; 7 to 11, of 144, 180, 240, 300 and 372, are for objects that are small in their
picture.
"""

TABLES = {table.name: table for table in (FAST, ACCURATE, MINI)}


def model_table(name: str) -> ModelTable:
    """Return the table called ``name``. Raises SettingsError if there is none."""
    if name not in TABLES:
        raise SettingsError(f"there is no model {name!r}{did_you_mean(name, TABLES)}; known: {', '.join(TABLES)}")
    return TABLES[name]
