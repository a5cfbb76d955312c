"""What both halves of the sample draw with: darkened photographs, turned and enlarged scans, tints."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from overfeat.sample.sources import Sources, Split, columns_of

INK = 128
"""A pixel is ink where the digit covers it by half or more, of 255: boxes are tight around these."""

TURN_DEGREES = 15.0
GAIN = (0.25, 0.55)
ZOOM = (0.6, 2.0)
"""Pixels of the photograph, along a side, to one of the picture."""

DARKEST_TINT = 195
GREYSCALE_SHARE = 0.04

STAMP = 64
"""Side at which a scan is turned, in pixels: large enough to be smooth, small enough to be quick."""

_PAPER = 3  # blank pixels around a scan, so that a turned one keeps its corners
# 8 pixels enlarged to a hundred are a blur: make edges as narrow as a pen's, and keep faint strokes whole
_PEN = np.clip(INK + 2 * (np.arange(256) - 96), 0, 255).astype(np.uint8)

Box = tuple[int, int, int, int]


def draw_size(random: np.random.Generator, short_side: tuple[int, int], longest_aspect: float) -> tuple[int, int]:
    """Draw the width and height of a picture, from its shortest and longest short side and its longest aspect."""
    short = int(random.integers(short_side[0], short_side[1] + 1))
    long = int(short * random.uniform(1, longest_aspect))
    return (long, short) if random.random() < 0.5 else (short, long)


def draw_background(
    random: np.random.Generator, sources: Sources, split: Split, size: tuple[int, int]
) -> tuple[Image.Image, int, Box]:
    """Draw a darkened crop of a photograph, within the split's columns.

    Returns:
        The crop, "RGB" of ``size``; the number of the photograph; and where in it the crop lies, half-open.
    """
    photograph = int(random.integers(len(sources.photographs)))
    crop = _crop(random, sources.photographs[photograph], split, size)
    left, top, right, bottom = crop
    # cut first, then resize: resizing a box of the whole would blend in pixels from across the split's border
    seen = sources.photographs[photograph][top:bottom, left:right] * np.float32(random.uniform(*GAIN))
    image = Image.fromarray(seen.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    return image, photograph, crop


def _crop(random: np.random.Generator, photograph: NDArray[np.uint8], split: Split, size: tuple[int, int]) -> Box:
    """Draw which part of a photograph is seen, within the split's columns."""
    first, last = columns_of(photograph, split)
    height = photograph.shape[0]
    zoom = random.uniform(ZOOM[0], min(ZOOM[1], (last - first) / size[0], height / size[1]))
    crop_width, crop_height = int(size[0] * zoom), int(size[1] * zoom)
    left = int(random.integers(first, last - crop_width + 1))
    top = int(random.integers(0, height - crop_height + 1))
    return left, top, left + crop_width, top + crop_height


def turned(random: np.random.Generator, scan: NDArray[np.uint8]) -> Image.Image:
    """Enlarge a scan, uint8 ``(8, 8)``, turn it a little and sharpen it: "L" of ``STAMP`` pixels a side."""
    stamp = Image.fromarray(np.pad(scan, _PAPER)).resize((STAMP, STAMP), Image.Resampling.BICUBIC)
    stamp = stamp.rotate(random.uniform(-TURN_DEGREES, TURN_DEGREES), Image.Resampling.BICUBIC)
    return Image.fromarray(_PEN[np.asarray(stamp)])


def scaled(stamp: Image.Image, scale: float) -> tuple[Image.Image, Box]:
    """Return a turned scan enlarged or reduced, and the half-open box of its ink."""
    side = round(STAMP * scale)
    stamp = stamp.resize((side, side), Image.Resampling.BICUBIC)
    return stamp, ink_box(stamp)


def cover_of(stamp: Image.Image, ink: Box, corner: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """Return how far a stamp covers each pixel of a picture, "L" of ``size``, if its ink begins at ``corner``."""
    cover = Image.new("L", size)
    cover.paste(stamp, (corner[0] - ink[0], corner[1] - ink[1]))
    return cover


def ink_box(cover: Image.Image) -> Box:
    """Return ``left, top, right, bottom``, half-open, of the pixels that are ink."""
    ink = np.asarray(cover) >= INK
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def inclusive(box: Box) -> Box:
    """Turn a half-open box into inclusive pixel corners."""
    left, top, right, bottom = box
    return left, top, right - 1, bottom - 1


def draw_tint(random: np.random.Generator) -> tuple[int, int, int]:
    """Draw a bright colour, RGB."""
    red, green, blue = (int(shade) for shade in random.integers(DARKEST_TINT, 256, size=3))
    return red, green, blue
