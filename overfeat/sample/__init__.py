"""The embedded data set: handwritten digits on photographs, in the layout of ILSVRC2012.

It needs no download, holds real scans and real photographs, and goes through the same reader as ImageNet.
"""

from collections.abc import Iterator
from pathlib import Path

from overfeat.errors import SettingsError
from overfeat.sample.archives import write_devkit, write_train, write_val
from overfeat.sample.digits import Picture, compose
from overfeat.sample.sources import DIGITS, Sources, digit_of, load_sources


def write_sample(folder: Path, seed: int = 0, train: int = 4_000, val: int = 1_000) -> None:
    """Write the five archives of the sample, the same bytes for the same arguments.

    5,000 pictures take some ten seconds, a third of it the import of scikit-learn. With other versions of
    Pillow, NumPy, SciPy or zlib the bytes may be others.

    Args:
        folder: where to write; made if it is not there. Archives of an earlier run are replaced.
        seed: 0 or more; another seed makes other pictures.
        train: number of training pictures, at least 10: each digit comes equally often, give or take one.
        val: number of validation pictures, likewise.

    Raises:
        SettingsError: an argument is out of its range.
        DatasetError: scikit-learn, which has the scans and photographs, is not installed.
    """
    if seed < 0:
        raise SettingsError(f"The seed of the sample is {seed}: expected 0 or more.")
    for name, count in (("train", train), ("val", val)):
        if count < DIGITS:
            raise SettingsError(f"The sample's number of {name} pictures is {count}: expected {DIGITS} or more.")
    sources = load_sources()
    folder.mkdir(parents=True, exist_ok=True)
    by_digit = ((digit, _of_digit(sources, seed, digit, train)) for digit in range(DIGITS))
    counts = write_train(folder, by_digit)
    digits = write_val(folder, (compose(sources, seed, "val", index) for index in range(val)))
    write_devkit(folder, counts, digits)


def _of_digit(sources: Sources, seed: int, digit: int, train: int) -> Iterator[Picture]:
    """Yield the training pictures of one digit, by their number among all."""
    for index in range(train):
        if digit_of(seed, "train", index) == digit:
            yield compose(sources, seed, "train", index)
