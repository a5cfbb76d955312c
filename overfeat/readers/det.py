"""ILSVRC DET, the detection data of 2013 and later, from its tree as unpacked.

Parts are ``SPLIT@NUMBER``, up to 5,000 names of a split's lists each. A split without lists is read as its
folders are: ``SPLIT/FOLDER@NUMBER``, each up to 5,000 pictures of one folder.
"""

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from overfeat.errors import DatasetError
from overfeat.readers.listed import (
    SPLITS,
    AnnotatedTree,
    list_lines,
    list_names,
    names_of_part,
    part_names,
    separate,
    split_line,
)
from overfeat.readers.records import ClassRecord, Record
from overfeat.readers.tree import list_folder

DATA, ANNOTATIONS, LISTS = "Data/DET", "Annotations/DET", "ImageSets/DET"
NESTED = "ILSVRC"
MAP, META = "map_det.txt", "meta_det.mat"
_PART = re.compile(r"(train|val|test)(?:/(.+))?@([0-9]{1,9})", re.DOTALL)
_LIST = re.compile(r"(train|val|test|train_.+)\.txt")
_WNID = re.compile(r"n[0-9]{8}")
_CLASSES = 200  # rows after those, where a kit has them, are parents

# photographed to be negatives of some class: the release has no annotation of any
_NEGATIVES = re.compile(r"ILSVRC2013(_DET)?_train_extra[0-9]+(/|$)")


@dataclass(frozen=True, slots=True)
class _Lists:
    """What the lists name.

    Attributes:
        names: those of each split that has a list.
        negative: those with -1 in the list of some class, and with 0 or 1 in none.
    """

    names: dict[str, tuple[str, ...]]
    negative: frozenset[str]


class DetReader:
    """The tree of ILSVRC DET.

    A picture in several lists counts for the first of train, val and test; one in none is not used, if its
    split has lists. A split whose pictures are not there is left out, as the lists of all come with each.

    A training picture that the lists name as a negative of some class, and of none as having objects of it, may
    have no annotation: it is a picture without objects. Every other training or validation picture without one
    is rejected. Of ILSVRC2013's positives only the classes they were collected for are annotated throughout.
    """

    layout: ClassVar[str] = "ilsvrc-det"
    expects: ClassVar[str] = (
        f"{DATA}/{{train,val,test}}/, {ANNOTATIONS}/{{train,val}}/ and {LISTS}/, in it or in {NESTED}/"
    )
    annotates_all: ClassVar[bool] = True

    def __init__(self, root: Path) -> None:
        """Take the folder of the data set; nothing is read yet."""
        self.root = root
        self.below = "" if (root / DATA).is_dir() else f"{NESTED}/"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Say whether there is ``Data/DET`` in the folder or in ``ILSVRC/`` in it."""
        return (root / DATA).is_dir() or (root / NESTED / DATA).is_dir()

    def classes(self) -> list[ClassRecord]:
        """Return the classes, sorted by WordNet id: those of the development kit, else those in the XML.

        Raises:
            DatasetError: the development kit's file cannot be read.
        """
        folders = self._devkit_folders()
        for name, read in ((MAP, _mapped), (META, _meta)):
            for folder in folders:
                if (folder / name).is_file():
                    return [ClassRecord(label, text) for label, text in sorted(read(folder / name).items())]
        labels: set[str] = set()
        for split in self._splits():
            for below in self._folders(split):
                labels |= self._tree(split).labels(self._names(split, below))
        return [ClassRecord(label, label) for label in sorted(labels)]

    def parts(self) -> list[str]:
        """Return the parts of the splits whose pictures are there, up to 5,000 pictures each.

        Raises:
            DatasetError: there are no pictures, or the annotations of a split other than "test" are missing.
        """
        parts: list[str] = []
        for split in self._splits():
            annotations = self.root / self._tree(split).annotations
            if split != "test" and not annotations.is_dir():
                raise DatasetError(f"There is no {annotations}: only test pictures can do without annotations.")
            for folder in self._folders(split):
                parts += part_names(f"{split}/{folder}" if folder else split, self._names(split, folder))
        if not parts:
            raise DatasetError(f"There is no picture in {DATA} of {self.root}: {self.layout!r} expects {self.expects}.")
        return parts

    def read(self, part: str) -> Iterator[Record]:
        """Yield each picture of a part and its objects behind it. Raises DatasetError if there is no such part."""
        match = _PART.fullmatch(part)
        split, folder, number = match.groups() if match else ("", None, "0")
        names = names_of_part(self._names(split, folder or ""), int(number)) if split in self._splits() else ()
        if not names:
            raise DatasetError(f"{part!r} is not a part of {self.root}: take one that parts() returned.")
        return self._tree(split).read(names, split, self._may_lack(split, names))

    def _splits(self) -> list[str]:
        return [split for split in SPLITS if (self.root / self._tree(split).pictures).is_dir()]

    def _tree(self, split: str) -> AnnotatedTree:
        pictures, annotations = (f"{self.below}{name}/{split}" for name in (DATA, ANNOTATIONS))
        return AnnotatedTree(self.root, pictures, annotations, first_pixel=0, deep=True)

    def _folders(self, split: str) -> list[str]:
        """Return the folders of a split that are read by themselves: ``""`` alone where it has lists."""
        if split in self._lists().names:
            return [""]
        return self._tree(split).folders()

    def _names(self, split: str, folder: str) -> Sequence[str]:
        listed = self._lists().names.get(split)
        if listed is None:
            return self._tree(split).names_in(folder)
        return () if folder else listed

    def _may_lack(self, split: str, names: Sequence[str]) -> Container[str]:
        if split == "test":
            return frozenset(names)
        lists = self._lists()
        if split in lists.names:
            return lists.negative
        return frozenset(name for name in names if _NEGATIVES.match(name))

    def _lists(self) -> _Lists:
        folder = self.root / f"{self.below}{LISTS}"
        try:
            files = list_folder(folder).files
        except OSError:
            files = []
        wanted = [name for name in files if _LIST.fullmatch(name) and (folder / name).is_file()]
        return _read_lists(folder, tuple((name, (folder / name).stat().st_mtime_ns) for name in wanted))

    def _devkit_folders(self) -> list[Path]:
        """Return where files of the development kit may lie: in the root, or in a folder named after it."""
        tops = [top for top in dict.fromkeys([self.root, self.root / self.below]) if top.is_dir()]
        kits = [top / name for top in tops for name in list_folder(top).folders if "devkit" in name.lower()]
        return [folder for top in (*tops, *kits) for folder in (top, top / "data")]


@lru_cache(maxsize=2)
def _read_lists(folder: Path, files: tuple[tuple[str, int], ...]) -> _Lists:
    """Read the lists, named with the time of their last change, once in a process."""
    lists: dict[str, list[str]] = {}
    # 200 lists of classes mostly name the same pictures: lines are told apart before they are taken apart
    flagged: set[str] = set()
    for file, _ in files:
        if file.startswith("train_"):
            flagged.update(list_lines(folder / file))
        else:  # the number in these is the picture's place in the list, no flag
            lists[file.removesuffix(".txt")] = list_names(folder / file)
    flags = [split_line(line) for line in flagged]
    if flags:
        lists["train"] = sorted({*lists.get("train", ()), *(name for name, _ in flags)})
    negative = {name for name, flag in flags if flag == -1} - {name for name, flag in flags if flag in (0, 1)}
    names = separate(lists)
    return _Lists({split: tuple(names[split]) for split in lists}, frozenset(negative))


def _mapped(path: Path) -> dict[str, str]:
    """Return name by WordNet id, from lines ``n02672831 1 accordion``."""
    columns = [line.split(None, 2) for line in list_lines(path)]
    names = {row[0]: row[2] for row in columns if len(row) == 3 and _WNID.fullmatch(row[0])}
    if not names:
        raise DatasetError(f"{path} names no class: expected lines like 'n02672831 1 accordion'.")
    return names


def _meta(path: Path) -> dict[str, str]:
    """Return name by WordNet id, from the table ``synsets``."""
    from scipy.io import loadmat  # here: it is slow to import and rarely wanted

    try:
        synsets: Any = np.atleast_1d(loadmat(path, squeeze_me=True)["synsets"])
        rows = zip(synsets["WNID"].tolist(), synsets["name"].tolist(), strict=True)
        return {str(wnid): str(name) for wnid, name in islice(rows, _CLASSES)}
    except Exception as error:  # loadmat raises about anything on damaged bytes
        raise DatasetError(
            f"{path} cannot be read ({error!r}): expected the table 'synsets' with WNID and name; fetch it again."
        ) from error
