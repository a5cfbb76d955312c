"""One picture of the sample: a handwritten digit, bright, somewhere on a darkened crop of a photograph.

Bright on dark, and half the picture high at least, so that a small network starts to learn within seconds;
place, size, turn, tint and background vary, so that it has something to learn.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from overfeat.sample.sources import Sources, Split, columns_of, digit_of, random_of, scans_of

INK = 128
"""A pixel is ink where the digit covers it by half or more, of 255: boxes are tight around these."""

SHORT_SIDE = (88, 120)
LONGEST_ASPECT = 1.25
HEIGHT_SHARE = (0.50, 0.95)
WIDEST_SHARE = 0.95
TURN_DEGREES = 15.0
GAIN = (0.25, 0.55)
ZOOM = (0.6, 2.0)
"""Pixels of the photograph, along a side, to one of the picture."""

DARKEST_TINT = 195
GREYSCALE_SHARE = 0.04

_STAMP = 64  # side at which a scan is turned: large enough to be smooth, small enough to be quick
_PAPER = 3  # blank pixels around a scan, so that a turned one keeps its corners
# 8 pixels enlarged to a hundred are a blur: make edges as narrow as a pen's, and keep faint strokes whole
_PEN = np.clip(INK + 2 * (np.arange(256) - 96), 0, 255).astype(np.uint8)

Box = tuple[int, int, int, int]


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
    size = _size(random)
    photograph = int(random.integers(len(sources.photographs)))
    crop = _crop(random, sources.photographs[photograph], split, size)
    image = _background(random, sources.photographs[photograph], crop, size)
    cover = _cover(random, sources.scans[scan], size)
    tint = tuple(int(shade) for shade in random.integers(DARKEST_TINT, 256, size=3))
    image.paste(tint, mask=cover)
    if random.random() < GREYSCALE_SHARE:
        image = image.convert("L")
    return Picture(image, digit, _inclusive(ink_box(cover)), cover, scan, photograph, crop)


def ink_box(cover: Image.Image) -> Box:
    """Return ``left, top, right, bottom``, half-open, of the pixels that are ink."""
    ink = np.asarray(cover) >= INK
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _inclusive(box: Box) -> Box:
    left, top, right, bottom = box
    return left, top, right - 1, bottom - 1


def _size(random: np.random.Generator) -> tuple[int, int]:
    """Draw the width and height of a picture."""
    short = int(random.integers(SHORT_SIDE[0], SHORT_SIDE[1] + 1))
    long = int(short * random.uniform(1, LONGEST_ASPECT))
    return (long, short) if random.random() < 0.5 else (short, long)


def _crop(random: np.random.Generator, photograph: NDArray[np.uint8], split: Split, size: tuple[int, int]) -> Box:
    """Draw which part of a photograph is seen, within the split's columns."""
    first, last = columns_of(photograph, split)
    height = photograph.shape[0]
    zoom = random.uniform(ZOOM[0], min(ZOOM[1], (last - first) / size[0], height / size[1]))
    crop_width, crop_height = int(size[0] * zoom), int(size[1] * zoom)
    left = int(random.integers(first, last - crop_width + 1))
    top = int(random.integers(0, height - crop_height + 1))
    return left, top, left + crop_width, top + crop_height


def _background(
    random: np.random.Generator, photograph: NDArray[np.uint8], crop: Box, size: tuple[int, int]
) -> Image.Image:
    left, top, right, bottom = crop
    # cut first, then resize: resizing a box of the whole would blend in pixels from across the split's border
    seen = photograph[top:bottom, left:right] * np.float32(random.uniform(*GAIN))
    return Image.fromarray(seen.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)


def _cover(random: np.random.Generator, scan: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """Turn, enlarge and place a scan: return how far it covers each pixel of the picture."""
    stamp = Image.fromarray(np.pad(scan, _PAPER)).resize((_STAMP, _STAMP), Image.Resampling.BICUBIC)
    stamp = stamp.rotate(random.uniform(-TURN_DEGREES, TURN_DEGREES), Image.Resampling.BICUBIC)
    stamp = Image.fromarray(_PEN[np.asarray(stamp)])
    left, top, right, bottom = ink_box(stamp)
    height = random.uniform(*HEIGHT_SHARE) * min(size)
    scale = min(height / (bottom - top), WIDEST_SHARE * size[0] / (right - left))
    side = round(_STAMP * scale)
    stamp = stamp.resize((side, side), Image.Resampling.BICUBIC)
    left, top, right, bottom = ink_box(stamp)
    x, y = _place(random, size[0] - (right - left)), _place(random, size[1] - (bottom - top))
    cover = Image.new("L", size)
    cover.paste(stamp, (x - left, y - top))
    return cover


def _place(random: np.random.Generator, room: int) -> int:
    """Draw where in ``room`` free pixels the digit begins: anywhere, the middle being likeliest, as in photographs."""
    return int((random.random() + random.random()) / 2 * (room + 1))
