"""What the sample is made of: real handwritten digits and real photographs, divided between its two splits.

The 1,797 scans of 8x8 pixels are the test part of the UCI data set "Optical Recognition of Handwritten
Digits"; both they and the two photographs, china.jpg and flower.jpg, come with scikit-learn.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from overfeat.errors import DatasetError

Split = Literal["train", "val"]

DIGITS = 10
VAL_SHARE = 0.2
"""Share of each digit's scans that only validation pictures show."""

FIRST_TRAIN_COLUMN = 230
"""Validation pictures are crops left of this column of a photograph, training pictures from it on.

The cut goes through the pavilion of one and the flower of the other, so both splits see alike things.
"""

_SPLIT_KEYS = {"train": 0, "val": 1}
_SCANS_KEY = 2
_SCENE_SPLIT_KEYS = {"train": 3, "val": 4}
_DIGITS_OF_TEN_SCENES = (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)


@dataclass(frozen=True, slots=True)
class Sources:
    """The raw material.

    Attributes:
        scans: uint8 ``(1797, 8, 8)``, 0 for paper and 255 for ink.
        digits: int64 ``(1797,)``, which digit each scan shows.
        photographs: uint8 ``(427, 640, 3)`` each, RGB.
    """

    scans: NDArray[np.uint8]
    digits: NDArray[np.int64]
    photographs: tuple[NDArray[np.uint8], ...]


@lru_cache(maxsize=1)
def load_sources() -> Sources:
    """Load the scans and photographs. Raises DatasetError if scikit-learn, which has them, is missing."""
    try:
        # here: it takes seconds to import, and only making a sample needs it
        from sklearn.datasets import load_digits, load_sample_images
    except ImportError as error:
        raise DatasetError(
            "The sample is made of scans and photographs in scikit-learn: pip install 'overfeat[pipeline]'."
        ) from error
    scans = load_digits()
    shades = np.rint(scans.images * (255 / 16)).astype(np.uint8)  # the scans count 0..16
    photographs = tuple(np.asarray(photograph, dtype=np.uint8) for photograph in load_sample_images().images)
    return Sources(shades, scans.target.astype(np.int64), photographs)


def random_of(seed: int, split: Split, index: int) -> np.random.Generator:
    """Return the generator of one picture, of nothing else: pictures can be made in any order."""
    return np.random.default_rng([seed, _SPLIT_KEYS[split], index])


def digit_of(seed: int, split: Split, index: int) -> int:
    """Return the digit of picture ``index``: each ten pictures in a row show all ten, in a drawn order."""
    return _order(seed, split, index // DIGITS)[index % DIGITS]


@lru_cache(maxsize=1024)
def _order(seed: int, split: Split, block: int) -> list[int]:
    # the 1 keeps these draws apart from those of the pictures, whose keys have one number less
    random = np.random.default_rng([seed, _SPLIT_KEYS[split], block, 1])
    return [int(digit) for digit in random.permutation(DIGITS)]


def scene_random_of(seed: int, split: Split, index: int) -> np.random.Generator:
    """Return the generator of one picture of the detection half, which is that of no other picture."""
    return np.random.default_rng([seed, _SCENE_SPLIT_KEYS[split], index])


def digits_of(seed: int, split: Split, index: int) -> tuple[int, ...]:
    """Return the digits of picture ``index`` of the detection half, 0 to 4 of them, possibly one twice.

    Each ten pictures in a row, counted from a multiple of ten, show each digit twice, and two of them show none.
    """
    return _scenes(seed, split, index // DIGITS)[index % DIGITS]


@lru_cache(maxsize=1024)
def _scenes(seed: int, split: Split, block: int) -> list[tuple[int, ...]]:
    # the 1 as in _order
    random = np.random.default_rng([seed, _SCENE_SPLIT_KEYS[split], block, 1])
    counts = random.permutation(_DIGITS_OF_TEN_SCENES)
    digits = random.permutation(np.arange(counts.sum()) % DIGITS)
    return [tuple(own.tolist()) for own in np.split(digits, np.cumsum(counts)[:-1])]


def scans_of(sources: Sources, seed: int, split: Split, digit: int) -> NDArray[np.int64]:
    """Return the numbers of the scans of one digit that pictures of a split may show, drawn by the seed."""
    drawn = np.random.default_rng([seed, _SCANS_KEY, digit]).permutation(np.flatnonzero(sources.digits == digit))
    held_out = round(VAL_SHARE * len(drawn))
    return drawn[:held_out] if split == "val" else drawn[held_out:]


def columns_of(photograph: NDArray[np.uint8], split: Split) -> tuple[int, int]:
    """Return the columns, first and one past the last, that pictures of a split may be cut from."""
    return (0, FIRST_TRAIN_COLUMN) if split == "val" else (FIRST_TRAIN_COLUMN, photograph.shape[1])
