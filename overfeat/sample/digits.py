"""One picture of the sample: a handwritten digit, bright, somewhere on a darkened crop of a photograph.

Bright on dark, and half the picture high at least, so that a small network starts to learn within seconds;
place, size, turn, tint and background vary, so that it has something to learn.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from overfeat.sample.drawing import (
    GREYSCALE_SHARE,
    Box,
    cover_of,
    draw_background,
    draw_size,
    draw_tint,
    inclusive,
    ink_box,
    scaled,
    turned,
)
from overfeat.sample.sources import Sources, Split, digit_of, random_of, scans_of

SHORT_SIDE = (88, 120)
LONGEST_ASPECT = 1.25
HEIGHT_SHARE = (0.50, 0.95)
WIDEST_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture and how it was made.

    Attributes:
        image: the picture, "RGB" or, a few, "L".
        digit: which digit it shows, 0 to 9.
        box: ``xmin, ymin, xmax, ymax`` of the ink, 0-based and inclusive, in pixels.
        cover: "L", as large as the picture: how far the digit covers each pixel.
        scan: number of the scan.
        photograph: number of the photograph.
        crop: ``left, top, right, bottom``, half-open, of the background in the photograph, in its pixels.
    """

    image: Image.Image
    digit: int
    box: Box
    cover: Image.Image
    scan: int
    photograph: int
    crop: Box


def compose(sources: Sources, seed: int, split: Split, index: int) -> Picture:
    """Make picture ``index`` of a split; the same arguments make the same pixels."""
    random = random_of(seed, split, index)
    digit = digit_of(seed, split, index)
    scan = int(random.choice(scans_of(sources, seed, split, digit)))
    size = draw_size(random, SHORT_SIDE, LONGEST_ASPECT)
    image, photograph, crop = draw_background(random, sources, split, size)
    cover = _cover(random, sources.scans[scan], size)
    image.paste(draw_tint(random), mask=cover)
    if random.random() < GREYSCALE_SHARE:
        image = image.convert("L")
    return Picture(image, digit, inclusive(ink_box(cover)), cover, scan, photograph, crop)


def _cover(random: np.random.Generator, scan: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """Turn, enlarge and place a scan: return how far it covers each pixel of the picture."""
    stamp = turned(random, scan)
    left, top, right, bottom = ink_box(stamp)
    height = random.uniform(*HEIGHT_SHARE) * min(size)
    scale = min(height / (bottom - top), WIDEST_SHARE * size[0] / (right - left))
    stamp, ink = scaled(stamp, scale)
    left, top, right, bottom = ink
    corner = _place(random, size[0] - (right - left)), _place(random, size[1] - (bottom - top))
    return cover_of(stamp, ink, corner, size)


def _place(random: np.random.Generator, room: int) -> int:
    """Draw where in ``room`` free pixels the digit begins: anywhere, the middle being likeliest, as in photographs."""
    return int((random.random() + random.random()) / 2 * (room + 1))
