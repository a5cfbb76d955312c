"""The made-up synsets of the sample, and the table of them that a devkit has."""

import io

import numpy as np

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_FIELDS = (
    "ILSVRC2012_ID",
    "WNID",
    "words",
    "gloss",
    "num_children",
    "children",
    "wordnet_height",
    "num_train_images",
)
# of the length that the header's text has in the format
_MAT_HEADER = b"MATLAB 5.0 MAT-file, synsets of the digits".ljust(116)


def synset_of(digit: int) -> str:
    """Return the made-up WordNet id of a digit, the label of its class."""
    return f"n{90000000 + digit}"


def number_of(digit: int) -> int:
    """Return a digit's ILSVRC2012_ID, 1 to 10. As in the release their order is not that of the synsets."""
    return (3 * digit + 4) % len(NAMES) + 1


def name_of(digit: int) -> str:
    """Return the name of a digit's class, for people."""
    return f"digit {NAMES[digit]}"


def detection_number_of(digit: int) -> int:
    """Return a digit's number among the classes of the detection half, 1 to 10, in the order of the synsets."""
    return digit + 1


def synset_table(train_counts: list[int]) -> bytes:
    """Return meta.mat, with the number of training pictures of each digit.

    The eleventh synset is the parent of the ten and no class, as 860 of the release's 1,860 are.
    """
    from scipy.io import savemat  # here: slow to import

    digits = sorted(range(len(NAMES)), key=number_of)
    numbers = [number_of(digit) for digit in digits]
    rows: list[tuple[object, ...]] = []
    for number, digit in zip(numbers, digits, strict=True):
        words = name_of(digit)
        rows.append((number, synset_of(digit), words, words, 0, [], 0, train_counts[digit]))
    rows.append((len(rows) + 1, synset_of(len(NAMES)), "digit", "any digit", len(NAMES), numbers, 1, 0))

    table = np.empty((len(rows), 1), dtype=[(field, object) for field in _FIELDS])
    table[:, 0] = rows
    stream = io.BytesIO()
    savemat(stream, {"synsets": table})
    # the text that savemat begins with has the time in it
    return _MAT_HEADER + stream.getvalue()[len(_MAT_HEADER) :]
