"""Tiny ImageNet: 200 classes of ILSVRC in pictures of 64 x 64 pixels, each with one box.

Parts are ``train/CLASS``, ``val@START`` and ``test@START``: up to 5,000 pictures from the one of that number on.
Boxes are 0-based inclusive in the files. A picture without a line of boxes has no object and is no reject, since
classification needs none; a line that is not four numbers costs its box and is listed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from overfeat.errors import DatasetError
from overfeat.readers.loose_files import (
    inclusive_box,
    list_parts,
    parse_part,
    read_lines,
    read_pictures,
    refuse_class_folder,
)
from overfeat.readers.names import base_name
from overfeat.readers.records import ClassRecord, ImageRecord, ObjectRecord, Record, RejectRecord

TOP = "tiny-imagenet-200"
CLASSES = "wnids.txt"
WORDS = "words.txt"
VAL_TABLE = "val/val_annotations.txt"

_Rows = Mapping[str, Sequence[str]]
"""The words after the picture's name, by that name."""


class TinyImagenetReader:
    """The unpacked folder of Tiny ImageNet, or the folder it lies in."""

    layout: ClassVar[str] = "tiny-imagenet"
    expects: ClassVar[str] = f"{TOP}/ with {CLASSES}, {WORDS}, train/, val/ and test/ in it"
    annotates_all: ClassVar[bool] = False

    def __init__(self, root: Path) -> None:
        """Take the folder of the data set; nothing is read yet."""
        self.root = root
        self._top = "" if (root / CLASSES).is_file() else f"{TOP}/"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Say whether the two lists of classes and the training folder are there."""
        return any(
            (top / CLASSES).is_file() and (top / WORDS).is_file() and (top / "train").is_dir()
            for top in (root, root / TOP)
        )

    def classes(self) -> list[ClassRecord]:
        """Return the synsets of wnids.txt, sorted. Raises DatasetError if there are none, or one is listed twice."""
        labels = self._labels()
        lines = (line.partition("\t") for line in read_lines(self._path(WORDS)))
        words = {label: name for label, _, name in lines if label in labels}
        return [ClassRecord(label, words.get(label, label)) for label in sorted(labels)]

    def parts(self) -> list[str]:
        """Return the parts. Raises DatasetError if the training folder or a needed list is missing."""
        for name in (CLASSES, WORDS, *([VAL_TABLE] if self._path("val/images").is_dir() else [])):
            if not self._path(name).is_file():
                raise DatasetError(
                    f"There is no {self._top}{name} in {self.root}: the layout {self.layout!r} expects {self.expects}."
                )
        return list_parts(self.root, self._folders())

    def read(self, part: str) -> Iterator[Record]:
        """Yield the records of one part, each picture before its object. Raises DatasetError if it is no part."""
        split, label, start = parse_part(self.root, self._folders(), part)
        if split == "train":
            return self._train(label)
        records = read_pictures(self.root, self._folders()[split], split, start=start)
        return self._val(records) if split == "val" else records

    def _path(self, name: str) -> Path:
        return self.root / f"{self._top}{name}"

    def _folders(self) -> dict[str, str]:
        return {"train": f"{self._top}train", "val": f"{self._top}val/images", "test": f"{self._top}test/images"}

    def _labels(self) -> set[str]:
        labels = list(read_lines(self._path(CLASSES)))
        if not labels or len(set(labels)) < len(labels):
            raise DatasetError(
                f"{self._path(CLASSES)} lists {len(labels)} classes, {len(set(labels))} of them different: "
                "expected one a line, each once; fetch the data set again."
            )
        return set(labels)

    def _train(self, label: str) -> Iterator[Record]:
        if reject := refuse_class_folder(self.root, f"{self._top}train", label, self._labels()):
            yield reject
            return
        table = f"train/{label}/{label}_boxes.txt"
        rows = _rows(self._path(table)) if self._path(table).is_file() else {}
        for record in read_pictures(self.root, f"{self._top}train/{label}/images", "train", label):
            yield record
            if isinstance(record, ImageRecord):
                yield from _objects(record.image_id, label, rows.get(base_name(record.file), ()), table)

    def _val(self, records: Iterator[ImageRecord | RejectRecord]) -> Iterator[Record]:
        labels = self._labels()
        rows = _rows(self._path(VAL_TABLE))
        for record in records:
            if isinstance(record, RejectRecord):
                yield record
                continue
            label, *corners = rows.get(base_name(record.file), ("",))
            if label not in labels:
                detail = f"{record.file!r} has no line with one of the classes in {VAL_TABLE}."
                yield RejectRecord(record.image_id, record.file, "no label", detail)
                continue
            yield replace(record, label=label)
            yield from _objects(record.image_id, label, corners, VAL_TABLE)


def _rows(path: Path) -> _Rows:
    """Read a table; a picture's first line counts."""
    rows: dict[str, Sequence[str]] = {}
    for line in read_lines(path):
        name, *words = (word.strip() for word in line.split("\t"))
        if words:
            rows.setdefault(name, words)
    return rows


def _objects(image_id: str, label: str, corners: Sequence[str], file: str) -> Iterator[ObjectRecord | RejectRecord]:
    """Yield the one object of a picture, or why it is left out; nothing where it has no corners."""
    if not corners:
        return
    try:
        yield ObjectRecord(image_id, label, *inclusive_box(corners))
    except ValueError as error:
        yield RejectRecord(image_id, file, "bad annotation", f"The box of {image_id!r} in {file} is left out: {error}.")
