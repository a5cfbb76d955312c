"""Bright things that are no digits: a detector has to tell them from digits by their shape alone.

A shape is drawn as coarse as a scan and goes the way of a scan, so it has the strokes, edges and tints of a digit.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from overfeat.sample.drawing import draw_tint
from overfeat.sample.sources import Sources, Split, columns_of

_SCAN = 8
_FINE = 8  # drawn at so many times the size of a scan, then averaged
_PEN_WIDTH = (10, 14)  # of the 64 fine pixels; a digit's strokes are some 12 wide
_HALF_WIDTH = (14, 28)  # of a solid shape, in fine pixels
_SHAKE = 4  # fine pixels by which a hand misses a corner

# Corners of lines in fine pixels. None may look like a digit, even if turned by 15 degrees: hence no upright bar
# (a one), no ring (a zero) and no corner at the upper right (a seven).
_STROKES = {
    "bar": (((6, 32), (57, 32)),),
    "two bars": (((8, 16), (55, 16)), ((8, 48), (55, 48))),
    "cross": (((10, 10), (53, 53)), ((10, 53), (53, 10))),
    "roof": (((8, 48), (32, 14), (55, 48)),),
    "valley": (((8, 14), (32, 48), (55, 14)),),
    "corner": (((14, 8), (14, 52), (52, 52)),),
}
_SOLIDS = ("disc", "block")
SHAPES = (*_STROKES, *_SOLIDS)
TEXTURED_SHARE = 0.6
"""Share of the solid shapes that are filled with a piece of photograph instead of one tint."""

_TEXTURE_DARKEST = 0.55  # of the tint


def draw_shape(random: np.random.Generator) -> tuple[str, NDArray[np.uint8]]:
    """Draw one of ``SHAPES``: its name, and the shape as a scan of a digit is, uint8 ``(8, 8)``, 255 for ink."""
    shape = SHAPES[random.integers(len(SHAPES))]
    side = _SCAN * _FINE
    paper = Image.new("L", (side, side))
    pen, width = ImageDraw.Draw(paper), int(random.integers(_PEN_WIDTH[0], _PEN_WIDTH[1] + 1))
    if shape in _STROKES:
        for line in _STROKES[shape]:
            corners = np.array(line) + random.integers(-_SHAKE, _SHAKE + 1, size=(len(line), 2))
            pen.line([(int(x), int(y)) for x, y in corners], fill=255, width=width, joint="curve")
    else:
        # wider than high: an upright one is how some people write a one
        wide = int(random.integers(_HALF_WIDTH[0], _HALF_WIDTH[1] + 1))
        high = int(random.integers(_HALF_WIDTH[0], wide + 1))
        box = (side // 2 - wide, side // 2 - high, side // 2 + wide, side // 2 + high)
        (pen.ellipse if shape == "disc" else pen.rectangle)(box, fill=255)
    return shape, np.asarray(paper.reduce(_FINE))


def draw_fill(
    random: np.random.Generator, sources: Sources, split: Split, shape: str, size: tuple[int, int]
) -> tuple[Image.Image, bool]:
    """Draw what a shape is filled with: a tint, or, some solid shapes, a tinted piece of photograph.

    Returns:
        The filling, "RGB" of ``size``, width and height, in pixels; and whether it is of a photograph, of which it
        is then a piece within the split's columns, as bright as the tint where it is brightest.
    """
    tint = draw_tint(random)
    if shape not in _SOLIDS or random.random() >= TEXTURED_SHARE:
        return Image.new("RGB", size, tint), False
    photograph = sources.photographs[random.integers(len(sources.photographs))]
    first, last = columns_of(photograph, split)
    left = int(random.integers(first, last - size[0] + 1))
    top = int(random.integers(0, photograph.shape[0] - size[1] + 1))
    seen = photograph[top : top + size[1], left : left + size[0]].mean(axis=2, keepdims=True)
    share = (seen - seen.min()) / max(float(np.ptp(seen)), 1.0)
    shades = (_TEXTURE_DARKEST + (1 - _TEXTURE_DARKEST) * share) * np.array(tint)
    return Image.fromarray(np.rint(shades).astype(np.uint8)), True
