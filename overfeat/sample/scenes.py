"""One picture of the detection half: up to four handwritten digits on a darkened photograph, or none.

Other bright things lie about, in pictures without a digit most of all: what a detector finds there is wrong.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from overfeat.sample.distractors import draw_fill, draw_shape
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
from overfeat.sample.sources import Sources, Split, digits_of, scans_of, scene_random_of

SHORT_SIDE = (96, 144)
LONGEST_ASPECT = 1.4
HEIGHT = (28, 60)
"""Height of a digit, and longer side of another bright thing, in pixels; of this one before enlarging rounds it."""

LARGEST_SHARED = 0.05
"""How much of a box another may cover; their intersection over union is then no more than this."""

DISTRACTORS = (0, 2)
DISTRACTORS_ALONE = (1, 4)
"""Fewest and most bright things that are no digits, beside digits and without any; fewer if room is short."""

_TRIES = 20
_SHRINK = 4  # pixels by which the largest height goes down each time the digits do not fit
_CROWDED_HEIGHT = 34  # four digits of this height nearly always fit


@dataclass(frozen=True, slots=True)
class Shown:
    """A digit in a picture.

    Attributes:
        digit: which digit it is, 0 to 9.
        box: ``xmin, ymin, xmax, ymax`` of its ink, 0-based and inclusive, in pixels.
        cover: "L", as large as the picture: how far it covers each pixel.
        scan: number of the scan.
    """

    digit: int
    box: Box
    cover: Image.Image
    scan: int


@dataclass(frozen=True, slots=True)
class Distractor:
    """A bright thing in a picture that is no digit.

    Attributes:
        shape: name of the shape.
        textured: it is filled with a piece of photograph, not with one tint.
        box, cover: as those of a digit.
    """

    shape: str
    textured: bool
    box: Box
    cover: Image.Image


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture and how it was made.

    Attributes:
        image: the picture, "RGB" or, a few, "L".
        digits: what it shows, later ones over earlier ones where they touch.
        distractors: the bright things in it that are no digits.
        photograph: number of the photograph behind it all.
        crop: ``left, top, right, bottom``, half-open, of the background in the photograph, in its pixels.
    """

    image: Image.Image
    digits: tuple[Shown, ...]
    distractors: tuple[Distractor, ...]
    photograph: int
    crop: Box


def compose_scene(sources: Sources, seed: int, split: Split, index: int) -> Scene:
    """Make picture ``index`` of a split; the same arguments make the same pixels."""
    random = scene_random_of(seed, split, index)
    size = draw_size(random, SHORT_SIDE, LONGEST_ASPECT)
    image, photograph, crop = draw_background(random, sources, split, size)
    numbers = digits_of(seed, split, index)
    scans = [int(random.choice(scans_of(sources, seed, split, digit))) for digit in numbers]
    placed = _arrange(random, [turned(random, sources.scans[scan]) for scan in scans], size)
    digits = tuple(
        Shown(digit, inclusive(box), cover, scan)
        for digit, (cover, box), scan in zip(numbers, placed, scans, strict=True)
    )
    distractors = _distract(random, sources, split, image, [box for _, box in placed])
    for shown in digits:
        image.paste(draw_tint(random), mask=shown.cover)
    if random.random() < GREYSCALE_SHARE:
        image = image.convert("L")
    return Scene(image, digits, distractors, photograph, crop)


def _arrange(
    random: np.random.Generator, stamps: list[Image.Image], size: tuple[int, int]
) -> list[tuple[Image.Image, Box]]:
    """Enlarge and place turned scans, clear of one another: return the cover and the half-open box of each."""
    highest = HEIGHT[1]
    while True:
        placed: list[tuple[Image.Image, Box]] = []
        for stamp in stamps:
            _, top, _, bottom = ink_box(stamp)
            scale = random.uniform(HEIGHT[0], highest) / (bottom - top)
            put = _put(random, stamp, scale, size, [box for _, box in placed])
            # enlarging rounds: a pixel too low or too high is possible
            if put is None or not HEIGHT[0] <= put[1][3] - put[1][1] <= HEIGHT[1]:
                break
            placed.append(put)
        if len(placed) == len(stamps):
            return placed
        highest = max(highest - _SHRINK, _CROWDED_HEIGHT)


def _put(
    random: np.random.Generator, stamp: Image.Image, scale: float, size: tuple[int, int], taken: list[Box]
) -> tuple[Image.Image, Box] | None:
    """Scale a stamp and place it clear of the half-open boxes ``taken``.

    Returns:
        How far it covers each pixel, and the half-open box of its ink; None if no free place is found.
    """
    stamp, ink = scaled(stamp, scale)
    width, height = ink[2] - ink[0], ink[3] - ink[1]
    for _ in range(_TRIES):
        left = int(random.integers(0, size[0] - width + 1))
        top = int(random.integers(0, size[1] - height + 1))
        box = left, top, left + width, top + height
        if is_clear(box, taken):
            return cover_of(stamp, ink, (left, top), size), box
    return None


def is_clear(box: Box, taken: list[Box]) -> bool:
    """Say whether a half-open box shares at most ``LARGEST_SHARED`` of its area, and of theirs, with each of others."""
    return all(_shared(box, other) <= LARGEST_SHARED * min(_area(box), _area(other)) for other in taken)


def _shared(box: Box, other: Box) -> int:
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(width, 0) * max(height, 0)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _distract(
    random: np.random.Generator, sources: Sources, split: Split, image: Image.Image, taken: list[Box]
) -> tuple[Distractor, ...]:
    """Draw bright things that are no digits into a picture, clear of the half-open boxes ``taken``."""
    fewest, most = DISTRACTORS if taken else DISTRACTORS_ALONE
    found: list[Distractor] = []
    for _ in range(random.integers(fewest, most + 1)):
        shape, scan = draw_shape(random)
        stamp = turned(random, scan)
        left, top, right, bottom = ink_box(stamp)
        scale = random.uniform(*HEIGHT) / max(right - left, bottom - top)
        put = _put(random, stamp, scale, image.size, taken)
        if put is None:
            continue
        cover, box = put
        taken = [*taken, box]
        touched = cover.getbbox()
        assert touched is not None
        filling_size = touched[2] - touched[0], touched[3] - touched[1]
        filling, textured = draw_fill(random, sources, split, shape, filling_size)
        image.paste(filling, touched[:2], cover.crop(touched))
        found.append(Distractor(shape, textured, inclusive(box), cover))
    return tuple(found)
