"""The ILSVRC2012 development kit: the classes, and the class of each validation picture."""

import io
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from overfeat.errors import DatasetError
from overfeat.readers.names import base_name
from overfeat.readers.records import ClassRecord
from overfeat.readers.tars import GZIP_ERRORS, ArchiveBreak, open_archive, walk

META = "meta.mat"
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
_COLUMNS = ("ILSVRC2012_ID", "WNID", "words", "num_children")
_LONGEST_FILE = 64 << 20  # the real ones are under 2 MB


@dataclass(frozen=True, slots=True)
class Devkit:
    """What the kit says.

    Attributes:
        classes: the synsets without children, sorted by label (the WordNet id).
        validation_labels: label of validation picture number ``i + 1`` at ``i``; None where the kit's line is
            not the number of a class.
    """

    classes: tuple[ClassRecord, ...]
    validation_labels: tuple[str | None, ...]


def load_devkit(path: Path) -> Devkit:
    """Read the kit's archive.

    Raises:
        DatasetError: the archive cannot be read, or lacks one of the two files, or they hold something else.
    """
    return _load(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _load(path: Path, _modified_ns: int) -> Devkit:
    """Read once in a process: a reader is made anew for each of a thousand parts."""
    files = _find(path, {META, GROUND_TRUTH})
    labels_by_number, classes = _synsets(files[META], path)
    # a line that is no number still is a line: those after it must not move up
    lines = [line.strip() for line in files[GROUND_TRUTH].decode("ascii", "replace").splitlines()]
    numbers = [int(line) if line.isascii() and line.isdigit() and len(line) < 10 else 0 for line in lines]
    return Devkit(classes, tuple(labels_by_number.get(number) for number in numbers))


def _find(path: Path, wanted: set[str]) -> dict[str, bytes]:
    """Return the contents of the wanted files, wherever in the archive they lie."""
    found: dict[str, bytes] = {}
    try:
        with open_archive(path) as stream:
            for member in walk(stream):
                name = base_name(member.name)
                if name in wanted and member.kind == "file" and member.length <= _LONGEST_FILE:
                    stream.seek(member.offset)
                    found[name] = stream.read(member.length)
    except (ArchiveBreak, *GZIP_ERRORS) as error:
        raise DatasetError(f"{path} cannot be read to its end ({error}): fetch it again.") from error
    if missing := sorted(wanted - set(found)):
        raise DatasetError(
            f"{path} has no {' and no '.join(missing)} in it: expected the development kit of tasks 1 and 2."
        )
    return found


def _synsets(meta: bytes, path: Path) -> tuple[dict[int, str], tuple[ClassRecord, ...]]:
    """Return label by ILSVRC2012_ID and the classes sorted by label; synsets with children are no classes."""
    leaves = [(number, record) for number, record, children in _rows(meta, path) if children == 0]
    labels_by_number = {number: record.label for number, record in leaves}
    if not leaves or not len(leaves) == len(labels_by_number) == len(set(labels_by_number.values())):
        raise DatasetError(
            f"{META} in {path} names {len(leaves)} synsets without children, not all different: "
            "it is not that of ILSVRC2012; fetch the development kit again."
        )
    return labels_by_number, tuple(sorted((record for _, record in leaves), key=attrgetter("label")))


def _rows(meta: bytes, path: Path) -> list[tuple[int, ClassRecord, int]]:
    """Return the number, label and words, and number of children of each synset, classes and others."""
    from scipy.io import loadmat  # here: it is slow to import and rarely wanted

    try:
        synsets: Any = np.atleast_1d(loadmat(io.BytesIO(meta), squeeze_me=True)["synsets"])
        columns = zip(*(synsets[name].tolist() for name in _COLUMNS), strict=True)
        return [(int(n), ClassRecord(str(wnid), str(words)), int(children)) for n, wnid, words, children in columns]
    except Exception as error:  # loadmat raises about anything on damaged bytes
        raise DatasetError(
            f"{META} in {path} cannot be read ({error!r}): expected the table 'synsets' with "
            f"{', '.join(_COLUMNS)}; fetch the development kit again."
        ) from error
