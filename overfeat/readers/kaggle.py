"""ILSVRC CLS-LOC as Kaggle distributes it: pictures and annotations unpacked in ``ILSVRC/``, tables beside it.

Parts are ``train/SYNSET``, ``val@START`` and ``test@START``: up to 5,000 pictures from the one of that number on.

A training picture's label is its folder, a validation picture's the first synset of its row of
``LOC_val_solution.csv``. The boxes of a split come from the XML alone where ``Annotations/CLS-LOC/SPLIT`` is there,
else from ``LOC_SPLIT_solution.csv``; with neither the split has none. Half of the training pictures have no boxes,
so a picture without is no reject. Annotations of pictures that are not there are not looked at.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from overfeat.errors import DatasetError
from overfeat.readers.annotations import parse_annotation
from overfeat.readers.loose_files import (
    inclusive_box,
    is_inside,
    list_parts,
    parse_part,
    read_lines,
    read_pictures,
    refuse_class_folder,
)
from overfeat.readers.records import ClassRecord, ImageRecord, ObjectRecord, Record, RejectRecord

TOP = "ILSVRC"
PICTURES = "Data/CLS-LOC"
ANNOTATIONS = "Annotations/CLS-LOC"
SYNSETS = "LOC_synset_mapping.txt"
SOLUTIONS = {"train": "LOC_train_solution.csv", "val": "LOC_val_solution.csv"}

_LONGEST_ANNOTATION = 4 << 20  # the real ones are under 20 KB
_WORDS_AN_OBJECT = 5


class KaggleReader:
    """The folder of the competition, or its ``ILSVRC`` with the tables moved into it."""

    layout: ClassVar[str] = "kaggle-cls-loc"
    expects: ClassVar[str] = f"{TOP}/{PICTURES}/ with train/, val/ and test/, {SYNSETS} and {SOLUTIONS['val']}"
    annotates_all: ClassVar[bool] = False

    def __init__(self, root: Path) -> None:
        """Take the folder of the data set; nothing is read yet."""
        self.root = root
        self._top = "" if (root / PICTURES).is_dir() else f"{TOP}/"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Say whether the training folder is where Kaggle has it; ``parts`` then says what is missing."""
        return any((top / PICTURES / "train").is_dir() for top in (root / TOP, root))

    def classes(self) -> list[ClassRecord]:
        """Return the synsets of the mapping, sorted. Raises DatasetError if it has none, or one twice."""
        lines = [line.partition(" ") for line in read_lines(self._table(SYNSETS))]
        records = {label: ClassRecord(label, name.strip() or label) for label, _, name in lines}
        if not lines or len(records) < len(lines):
            raise DatasetError(
                f"{self._table(SYNSETS)} lists {len(lines)} synsets, {len(records)} of them different: "
                "expected one a line, each once; fetch it again."
            )
        return [records[label] for label in sorted(records)]

    def parts(self) -> list[str]:
        """Return the parts. Raises DatasetError if training folder, synsets or validation labels are missing."""
        self._table(SYNSETS)
        if (self.root / self._folders()["val"]).is_dir():
            self._table(SOLUTIONS["val"])
        return list_parts(self.root, self._folders())

    def read(self, part: str) -> Iterator[Record]:
        """Yield the records of one part, each picture before its objects. Raises DatasetError if it is no part."""
        split, synset, start = parse_part(self.root, self._folders(), part)
        if split == "train":
            return self._train(synset)
        records = read_pictures(self.root, self._folders()[split], split, start=start)
        return self._val(records) if split == "val" else records

    def _folders(self) -> dict[str, str]:
        return {split: f"{self._top}{PICTURES}/{split}" for split in ("train", "val", "test")}

    def _table(self, name: str) -> Path:
        """Return where a table is: in the root. Raises DatasetError if it is not there."""
        path = self.root / name
        if not path.is_file():
            raise DatasetError(f"There is no {name} in {self.root}: the layout {self.layout!r} expects {self.expects}.")
        return path

    def _labels(self) -> set[str]:
        return {record.label for record in self.classes()}

    def _train(self, synset: str) -> Iterator[Record]:
        folder = self._folders()["train"]
        if reject := refuse_class_folder(self.root, folder, synset, self._labels()):
            yield reject
            return
        records = list(read_pictures(self.root, f"{folder}/{synset}", "train", synset))
        annotated = self._annotated("train")
        rows = {} if annotated else self._rows("train", records)
        for record in records:
            yield record
            if isinstance(record, RejectRecord):
                continue
            if annotated:
                yield from self._from_xml(record.image_id, f"train/{synset}")
            else:
                yield from _from_row(record.image_id, rows.get(record.image_id, ""), SOLUTIONS["train"])

    def _val(self, pictures: Iterator[ImageRecord | RejectRecord]) -> Iterator[Record]:
        labels = self._labels()
        records = list(pictures)
        rows = self._rows("val", records)
        annotated = self._annotated("val")
        for record in records:
            if isinstance(record, RejectRecord):
                yield record
                continue
            row = rows.get(record.image_id, "")
            label = row.partition(" ")[0]
            if label not in labels:
                detail = f"{record.file!r} has no row that begins with one of the synsets in {SOLUTIONS['val']}."
                yield RejectRecord(record.image_id, record.file, "no label", detail)
                continue
            yield replace(record, label=label)
            if annotated:
                yield from self._from_xml(record.image_id, "val")
            else:
                yield from _from_row(record.image_id, row, SOLUTIONS["val"])

    def _annotated(self, split: str) -> bool:
        return (self.root / f"{self._top}{ANNOTATIONS}/{split}").is_dir()

    def _rows(self, split: str, records: list[ImageRecord | RejectRecord]) -> Mapping[str, str]:
        """Return the predictions of these pictures, none where there is no table; a picture's first row counts."""
        rows: dict[str, str] = {}
        if not (self.root / SOLUTIONS[split]).is_file():
            return rows
        wanted = {record.image_id for record in records if isinstance(record, ImageRecord)}
        for line in read_lines(self.root / SOLUTIONS[split]):  # half a million lines: keep but the wanted
            image_id, _, prediction = line.partition(",")
            if image_id in wanted:
                rows.setdefault(image_id, prediction.strip('" '))
        return rows

    def _from_xml(self, image_id: str, folder: str) -> Iterator[ObjectRecord | RejectRecord]:
        """Yield the objects of a picture's annotation in a folder of the annotations, if it has one."""
        file = f"{self._top}{ANNOTATIONS}/{folder}/{image_id}.xml"
        path = self.root / file
        if not os.path.lexists(path):
            return
        try:
            if not path.is_file() or not is_inside(self.root, file):
                raise ValueError("it is no plain file of the data set")
            if path.stat().st_size > _LONGEST_ANNOTATION:
                raise ValueError("it is far longer than an annotation needs")
            xml = path.read_bytes()
        except (OSError, ValueError) as error:
            yield _bad(image_id, file, str(error))
        else:
            yield from parse_annotation(xml, image_id, file)


def _from_row(image_id: str, row: str, file: str) -> Iterator[ObjectRecord | RejectRecord]:
    """Yield the objects of one prediction: ``SYNSET xmin ymin xmax ymax``, repeated; all of them or one reject."""
    words = row.split()
    try:
        if len(words) % _WORDS_AN_OBJECT:
            raise ValueError(f"it has {len(words)} words, not {_WORDS_AN_OBJECT} an object")
        starts = range(0, len(words), _WORDS_AN_OBJECT)
        found = [ObjectRecord(image_id, words[i], *inclusive_box(words[i + 1 : i + _WORDS_AN_OBJECT])) for i in starts]
    except ValueError as error:
        yield _bad(image_id, file, str(error))
    else:
        yield from found


def _bad(image_id: str, file: str, why: str) -> RejectRecord:
    detail = f"The annotation of {image_id!r} in {file} is left out: {why}."
    return RejectRecord(image_id, file, "bad annotation", detail)
