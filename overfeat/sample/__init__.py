"""The embedded data set: handwritten digits on photographs, in the layouts of ILSVRC2012 and of ILSVRC DET.

It needs no download, holds real scans and real photographs, and goes through the same readers as ImageNet. Its
pictures have one digit each; those of its detection half have several, or none.
"""

from collections.abc import Iterator
from pathlib import Path

from overfeat.errors import SettingsError
from overfeat.sample import det_tree
from overfeat.sample.archives import write_devkit, write_train, write_val
from overfeat.sample.digits import Picture, compose
from overfeat.sample.scenes import compose_scene
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
    _check(seed, train, val)
    sources = load_sources()
    folder.mkdir(parents=True, exist_ok=True)
    by_digit = ((digit, _of_digit(sources, seed, digit, train)) for digit in range(DIGITS))
    counts = write_train(folder, by_digit)
    digits = write_val(folder, (compose(sources, seed, "val", index) for index in range(val)))
    write_devkit(folder, counts, digits)


def write_detection_sample(folder: Path, seed: int = 0, train: int = 1_200, val: int = 400) -> None:
    """Write the detection half of the sample, the same bytes for the same arguments.

    A fifth of the pictures have no digit, the others one to four. The classes and what divides training from
    validation are those of ``write_sample``, of which no picture comes again. 1,600 pictures take some ten seconds
    and 8 MB. With other versions of Pillow or NumPy the bytes may be others.

    Args:
        folder: where to write; made if it is not there. All files come into its new folder "ILSVRC".
        seed: 0 or more; another seed makes other pictures.
        train: number of training pictures, at least 10: each ten show each digit twice.
        val: number of validation pictures, likewise.

    Raises:
        SettingsError: an argument is out of its range.
        DatasetError: "ILSVRC" exists; or scikit-learn, which has the scans and photographs, is not installed.
    """
    _check(seed, train, val)
    sources = load_sources()
    root = det_tree.make_root(folder)
    det_tree.write_train(root, (compose_scene(sources, seed, "train", index) for index in range(train)))
    det_tree.write_val(root, (compose_scene(sources, seed, "val", index) for index in range(val)))
    det_tree.write_classes(root)


def _check(seed: int, train: int, val: int) -> None:
    if seed < 0:
        raise SettingsError(f"The seed of the sample is {seed}: expected 0 or more.")
    for name, count in (("train", train), ("val", val)):
        if count < DIGITS:
            raise SettingsError(f"The sample's number of {name} pictures is {count}: expected {DIGITS} or more.")


def _of_digit(sources: Sources, seed: int, digit: int, train: int) -> Iterator[Picture]:
    """Yield the training pictures of one digit, by their number among all."""
    for index in range(train):
        if digit_of(seed, "train", index) == digit:
            yield compose(sources, seed, "train", index)
