"""What each window of a picture is taught by the objects in it (paper, section 5).

A window is taught an object of a fitting size near its middle. One that sees much of an object of about that size, but
not in its middle, is taught nothing: it is neither the object nor background. All others are background, those with
an object of another size too, which a window of another scale will be taught.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overfeat import boxes as geometry
from overfeat.inference.windows import WindowGrid

BACKGROUND, IGNORED = -1, -2

_NEARLY = 1.25
"""Objects whose size is off by less than this factor are nearly fitting: their windows are taught nothing."""


@dataclass(frozen=True)
class Rules:
    """Which windows see an object; the sides are in sides of the window.

    Attributes:
        min_overlap: share of an object, from 0 to 1.
        max_offset: between the middles, along either axis.
        smallest, largest: geometric mean of an object's sides.
    """

    min_overlap: float
    max_offset: float
    smallest: float
    largest: float


def assign_windows(
    grid: WindowGrid, objects: NDArray[np.float64], unclear: NDArray[np.bool_], rules: Rules
) -> NDArray[np.int64]:
    """Say what every window is taught.

    Args:
        grid: of the output map.
        objects: ``(O, 4)`` in pixels of the network's input.
        unclear: ``(O,)``, objects that are no example of their class (difficult, crowds) nor background; a window that
            is filled by one for ``min_overlap`` of its own area is taught nothing either.
        rules: which windows see an object.

    Returns:
        ``(N,)``: the object whose middle is nearest to the window's (the first of equals), ``BACKGROUND`` or
        ``IGNORED``.
    """
    windows = grid.windows()
    taught = np.full(len(windows), BACKGROUND, np.int64)
    areas = geometry.area(objects)
    known = np.flatnonzero(areas > 0)
    if not len(known):
        return taught
    objects, areas = objects[known], areas[known]
    size = np.sqrt(areas) / grid.geometry.window
    offsets = geometry.centres(windows)[:, None] - geometry.centres(objects)
    offset = np.abs(offsets).max(-1) / grid.geometry.window
    inside = geometry.intersection(windows[:, None], objects)
    seen = inside >= rules.min_overlap * areas
    # a crowd may be so large that no window sees much of it, but it fills the window
    filled = inside >= rules.min_overlap * grid.geometry.window**2
    fits = (size >= rules.smallest) & (size <= rules.largest)
    nearly = (size >= rules.smallest / _NEARLY) & (size <= rules.largest * _NEARLY)
    taught[((seen & nearly) | ((seen | filled) & unclear[known])).any(1)] = IGNORED
    near = np.where(seen & fits & (offset <= rules.max_offset), offset, np.inf)
    chosen = near.argmin(1)
    sees = np.isfinite(near.min(1))
    taught[sees] = np.where(unclear[known][chosen], IGNORED, known[chosen])[sees]
    return taught
