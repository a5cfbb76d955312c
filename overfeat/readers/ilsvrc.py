"""ILSVRC2012 CLS-LOC, from its five archives as distributed. Nothing is unpacked.

Pictures are located by the headers around them, so preparing 138 GB reads a few hundred megabytes. Parts:

- ``train@OFFSET``: the archive of one synset, whose header is at that byte of the training archive;
- ``val@OFFSET``: up to 5,000 pictures of the validation archive from that byte on;
- ``boxes@train``, ``boxes@val``: the objects, where the box archives are there (classification needs none).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ClassVar

from overfeat.errors import DatasetError
from overfeat.readers.box_archives import read_boxes
from overfeat.readers.devkit import GROUND_TRUTH, Devkit, load_devkit
from overfeat.readers.names import is_hidden, is_picture, stem, suffix
from overfeat.readers.records import ClassRecord, ImageRecord, Record, RejectRecord
from overfeat.readers.tars import ArchiveBreak, Member, read_member, walk

TRAIN = "ILSVRC2012_img_train.tar"
VAL = "ILSVRC2012_img_val.tar"
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
BOXES = {"train": "ILSVRC2012_bbox_train_v2.tar.gz", "val": "ILSVRC2012_bbox_val_v3.tgz"}
NEEDED = (TRAIN, VAL, DEVKIT)

PICTURES_A_PART = 5_000
_PART = re.compile(r"(train|val)@([0-9]{1,18})|boxes@(train|val)")
_NUMBER = re.compile(r"_([0-9]{1,12})$")


class IlsvrcReader:
    """The archives of ILSVRC2012, classification and localization."""

    layout: ClassVar[str] = "ilsvrc2012"
    expects: ClassVar[str] = f"{', '.join(NEEDED)} and, for boxes, {' and '.join(BOXES.values())}"
    annotates_all: ClassVar[bool] = False

    def __init__(self, root: Path) -> None:
        """Take the folder of the archives; nothing is read yet."""
        self.root = root

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Say whether one of the three needed archives is there; ``parts`` then names those that are not."""
        return any((root / name).is_file() for name in NEEDED)

    def classes(self) -> list[ClassRecord]:
        """Return the synsets without children, sorted by WordNet id. Raises DatasetError for a bad devkit."""
        return list(self._devkit().classes)

    def parts(self) -> list[str]:
        """Return the parts: one a synset, one each 5,000 validation pictures, one a box archive.

        Raises:
            DatasetError: the training, validation or devkit archive is missing, or the devkit is damaged.
        """
        for name in NEEDED:
            self._path(name)
        self._devkit()
        train = [f"train@{offset}" for offset in _starts(self._path(TRAIN), every=1)]
        val = [f"val@{offset}" for offset in _starts(self._path(VAL), every=PICTURES_A_PART)]
        boxes = [f"boxes@{split}" for split, name in BOXES.items() if (self.root / name).is_file()]
        return train + val + boxes

    def read(self, part: str) -> Iterator[Record]:
        """Yield the records of one part. Raises DatasetError if it is none, or its archive went away."""
        match = _PART.fullmatch(part)
        if match is None:
            raise DatasetError(f"{part!r} is not a part of {self.root}: take one that parts() returned.")
        split, offset, boxed = match.groups()
        if boxed:
            return read_boxes(self._path(BOXES[boxed]))
        return self._train(int(offset)) if split == "train" else self._val(int(offset))

    def _path(self, name: str) -> Path:
        path = self.root / name
        if not path.is_file():
            raise DatasetError(
                f"There is no {name} in {self.root}: the layout {self.layout!r} expects {self.expects}, "
                "as distributed, without unpacking them."
            )
        return path

    def _devkit(self) -> Devkit:
        return load_devkit(self._path(DEVKIT))

    def _train(self, header: int) -> Iterator[Record]:
        """Read the archive of one synset, whose header is at a byte of the training archive."""
        path = self._path(TRAIN)
        end_of_file = path.stat().st_size
        with path.open("rb", buffering=0) as stream:
            try:
                synset = read_member(stream, header, end_of_file)
            except ArchiveBreak as error:
                yield _broken(TRAIN, error)
                return
            if synset is None or synset.kind == "folder" or is_hidden(synset.name):
                return
            if reject := self._refuse_synset(synset):
                yield reject
                return
            yield from _synset_pictures(stream, synset, end_of_file)

    def _refuse_synset(self, synset: Member) -> RejectRecord | None:
        """Return why nothing can be read from a member of the training archive, or None if it can."""
        if synset.kind != "file":
            reason, why = "not a plain file", "is a link, device or sparse file"
        elif suffix(synset.name) != ".tar":
            reason, why = "not a tar", "is not the tar of a synset"
        elif synset.length == 0:
            reason, why = "empty file", "is empty"
        elif stem(synset.name) not in {record.label for record in self._devkit().classes}:
            reason, why = "unknown class", "is of a synset that the devkit does not have as a class"
        else:
            return None
        return RejectRecord(None, TRAIN, reason, f"{synset.name!r} in {TRAIN} {why}: none of it is used.")

    def _val(self, header: int) -> Iterator[Record]:
        """Read up to ``PICTURES_A_PART`` members of the validation archive, from a byte of it on."""
        path = self._path(VAL)
        labels = self._devkit().validation_labels
        with path.open("rb", buffering=0) as stream:
            members = islice(walk(stream, header, path.stat().st_size), PICTURES_A_PART)
            try:
                for record in _pictures(members, VAL):
                    yield _with_label(record, labels) if isinstance(record, ImageRecord) else record
            except ArchiveBreak as error:
                yield _broken(VAL, error)


def _starts(path: Path, every: int) -> list[int]:
    """Return where each ``every``-th header is, and where the archive breaks if no part runs into that."""
    starts: list[int] = []
    count = 0
    with path.open("rb", buffering=0) as stream:
        try:
            for count, member in enumerate(walk(stream, 0, path.stat().st_size), start=1):
                if count % every == 1 or every == 1:
                    starts.append(member.header)
        except ArchiveBreak as error:
            if count % every == 0:  # else the last part runs into the break
                starts.append(error.header)
    return starts


def _synset_pictures(stream: BinaryIO, synset: Member, end_of_file: int) -> Iterator[Record]:
    """Read one synset's pictures from its archive inside the training archive."""
    # where the outer archive is cut, the pictures before the cut are still good
    stop = min(synset.offset + synset.length, end_of_file)
    label = stem(synset.name)
    try:
        for record in _pictures(walk(stream, synset.offset, stop), TRAIN):
            yield replace(record, split="train", label=label) if isinstance(record, ImageRecord) else record
        if synset.offset + synset.length > end_of_file:
            # cut in the zeros at its end: this synset is whole, but those after it are lost
            raise ArchiveBreak(synset.header, "truncated archive")
    except ArchiveBreak as error:
        if error.header == synset.offset and stop < end_of_file:
            detail = f"{synset.name!r} in {TRAIN} is not a tar: none of it is used."
            yield RejectRecord(None, TRAIN, "not a tar", detail)
        else:
            yield _broken(TRAIN, error)


def _pictures(members: Iterable[Member], file: str) -> Iterator[ImageRecord | RejectRecord]:
    """Yield a picture without split or label for each member that can be one, and a reject for each other."""
    seen: set[str] = set()
    for member in members:
        if member.kind == "folder" or is_hidden(member.name):
            continue
        image_id = stem(member.name)
        if member.kind != "file":
            reason, why = "not a plain file", "is a link, device or sparse file"
        elif not is_picture(member.name):
            reason, why = "not a picture", "has no suffix of a picture"
        elif member.length == 0:
            reason, why = "empty file", "is empty"
        elif image_id in seen:
            reason, why = "duplicate picture", "has the name of a picture before it"
        else:
            seen.add(image_id)
            yield ImageRecord(image_id, None, None, file, member.offset, member.length)
            continue
        yield RejectRecord(image_id, file, reason, f"{member.name!r} in {file} {why}.")


def _with_label(picture: ImageRecord, labels: tuple[str | None, ...]) -> ImageRecord | RejectRecord:
    """Give a validation picture the label at its number's line of the ground truth, which counts from 1."""
    match = _NUMBER.search(picture.image_id)
    number = int(match.group(1)) if match else 0
    label = labels[number - 1] if 1 <= number <= len(labels) else None
    if label is None:
        detail = f"{picture.image_id!r} in {VAL} has no class in the {len(labels)} lines of {GROUND_TRUTH}."
        return RejectRecord(picture.image_id, VAL, "no label", detail)
    return replace(picture, split="val", label=label)


def _broken(file: str, error: ArchiveBreak) -> RejectRecord:
    detail = f"{file} breaks off or is damaged at byte {error.header}: the rest is missing; fetch it again."
    return RejectRecord(None, file, error.reason, detail)
