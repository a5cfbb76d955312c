"""Pascal VOC: pictures and XML annotations in two folders, and lists that say which are for what.

Parts are ``SPLIT@NUMBER``, up to 5,000 names of a list each, and ``unlisted``, which reports the pictures in no
list. With several years, names of parts and image ids begin with the year's folder: ``VOC2007/train@0``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

from overfeat.errors import DatasetError
from overfeat.readers.listed import SPLITS, AnnotatedTree, list_names, names_of_part, part_names, separate
from overfeat.readers.records import ClassRecord, Record, RejectRecord
from overfeat.readers.tree import list_folder

PICTURES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", "ImageSets/Main"
DEVKIT = "VOCdevkit"
_UNLISTED = "unlisted"
_CLASS_LIST = "_train.txt"
_PART = re.compile(r"((?:VOC[0-9]{4}/)?)(?:(train|val|test)@([0-9]{1,9})|unlisted)")

# asked for by name, so that telling the layout never lists a folder of a million files
_YEARS = tuple(f"VOC{year}" for year in range(2005, 2100))


@dataclass(frozen=True, slots=True)
class _Year:
    """One folder with pictures, annotations and lists."""

    folder: Path
    tree: AnnotatedTree

    def splits(self) -> dict[str, list[str]]:
        """Return the names of each split, each in one alone.

        What trainval.txt adds to the lists of training and validation is for training.
        """
        lists = {name: self._names(name) for name in (*SPLITS, "trainval")}
        validated = set(lists["val"])
        extra = [name for name in lists["trainval"] if name not in validated]
        return separate(lists | {"train": lists["train"] + extra})

    def labels(self) -> set[str]:
        """Return the classes that have a list of their own, or, where none has, those of all objects."""
        try:
            files = list_folder(self.folder / LISTS).files
        except OSError:
            files = []
        named = {file.removesuffix(_CLASS_LIST) for file in files if file.endswith(_CLASS_LIST)} - {""}
        return named or self.tree.labels(name for names in self.splits().values() for name in names)

    def unlisted(self) -> Iterator[Record]:
        """Yield one reject if there are pictures in no list."""
        listed = {name for names in self.splits().values() for name in names}
        left = [name for name in self.tree.names_in() if name not in listed]
        if left:
            detail = f"{len(left)} pictures of {self.tree.pictures} are in no list and not used, first {left[0]!r}."
            yield RejectRecord(None, self.tree.pictures, "not listed", detail)

    def check(self) -> None:
        """Raise DatasetError if a folder that is needed is missing, or there is no list."""
        splits = self.splits()
        if not any(splits.values()):
            raise DatasetError(
                f"No list in {self.folder / LISTS} names a picture: expected train.txt, val.txt or test.txt."
            )
        if not (self.folder / ANNOTATIONS).is_dir() and (splits["train"] or splits["val"]):
            raise DatasetError(f"There is no {ANNOTATIONS} in {self.folder}: only test pictures can do without.")

    def _names(self, name: str) -> list[str]:
        path = self.folder / LISTS / f"{name}.txt"
        return list_names(path) if path.exists() else []


class VocReader:
    """Pascal VOC, detection: the layout of one year or of the devkit with several, and of sets made like it.

    A picture in several lists counts for the first of train, val and test. A test picture may have no
    annotation, since those of a challenge are kept secret; any other without one is rejected.
    """

    layout: ClassVar[str] = "voc"
    expects: ClassVar[str] = (
        f"{PICTURES}/, {ANNOTATIONS}/ and {LISTS}/{{train,val,test}}.txt, or {DEVKIT}/ with VOC2007/ and the like"
    )
    annotates_all: ClassVar[bool] = True

    def __init__(self, root: Path) -> None:
        """Take the folder of the data set; nothing is read yet."""
        self.root = root

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Say whether the folder, or one of a year in it, has pictures beside annotations or lists."""
        return bool(_year_folders(root))

    def classes(self) -> list[ClassRecord]:
        """Return the classes of all years, sorted: those with lists ``CLASS_train.txt``, else those in the XML."""
        labels = {label for year in self._years().values() for label in year.labels()}
        return [ClassRecord(label, label) for label in sorted(labels)]

    def parts(self) -> list[str]:
        """Return the parts of each year: up to 5,000 pictures of a split, and the pictures in no list.

        Raises:
            DatasetError: the pictures, the lists, or the annotations that training needs are missing.
        """
        years = self._years()
        if not years:
            raise DatasetError(f"There is no {PICTURES} in {self.root}: {self.layout!r} expects {self.expects}.")
        parts: list[str] = []
        for prefix, year in years.items():
            year.check()
            for split, names in year.splits().items():
                parts += part_names(prefix + split, names)
            parts.append(prefix + _UNLISTED)
        return parts

    def read(self, part: str) -> Iterator[Record]:
        """Yield each picture of a part and its objects behind it. Raises DatasetError if there is no such part."""
        match = _PART.fullmatch(part)
        year = self._years().get(match.group(1)) if match else None
        if match is None or year is None:
            raise self._no_part(part)
        split, number = match.group(2), match.group(3)
        if split is None:
            return year.unlisted()
        names = names_of_part(year.splits()[split], int(number))
        if not names:
            raise self._no_part(part)
        return year.tree.read(names, split, may_lack=frozenset(names) if split == "test" else ())

    def _no_part(self, part: str) -> DatasetError:
        return DatasetError(f"{part!r} is not a part of {self.root}: take one that parts() returned.")

    def _years(self) -> dict[str, _Year]:
        """Return the years by what their ids begin with: nothing if there is but one."""
        folders = _year_folders(self.root)
        years: dict[str, _Year] = {}
        for folder in folders:
            prefix = f"{folder.name}/" if len(folders) > 1 else ""
            pictures, annotations = ((folder / name).as_posix() for name in (PICTURES, ANNOTATIONS))
            years[prefix] = _Year(self.root / folder, AnnotatedTree(self.root, pictures, annotations, 1, prefix))
        return years


def _year_folders(root: Path) -> list[PurePosixPath]:
    """Return the folders of years below the root: the root itself, or those in it or in its devkit."""
    here = PurePosixPath()
    for candidates in ([here], [here / year for year in _YEARS], [here / DEVKIT / year for year in _YEARS]):
        if found := [folder for folder in candidates if _is_year(root / folder)]:
            return found
    return []


def _is_year(folder: Path) -> bool:
    return (folder / PICTURES).is_dir() and any((folder / name).is_dir() for name in (ANNOTATIONS, "ImageSets"))
