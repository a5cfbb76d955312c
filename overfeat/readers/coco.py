"""COCO, detection: one JSON a split that lists pictures, categories and boxes; the pictures in a folder beside it.

Read are ``annotations/instances_SPLITYEAR.json`` and ``image_info_testYEAR.json``, else other names with a split
in them (``custom_train.json``); ``SPLIT/_annotations.coco.json`` with the pictures beside it, as exporters write;
or one ``annotations.json`` for pictures without splits. A JSON whose pictures are not there is left out, as those
of all splits come together. Pictures that no JSON lists are not looked at.

Parts are ``JSON@START``, the pictures of one JSON from the one of that number on. A picture's id is its file name
without the suffix; where two splits have one of the same name the parts end in ``+split``, and all ids begin
with the split: ``train/a``. The "segmentation" is dropped while the JSON is parsed: it is most of it.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import ClassVar

from overfeat.errors import DatasetError
from overfeat.readers.coco_json import image_id_of, outline, piece, to_object
from overfeat.readers.folder import SPLITS
from overfeat.readers.loose_files import locate
from overfeat.readers.names import is_picture
from overfeat.readers.records import ClassRecord, Record, RejectRecord
from overfeat.readers.tree import list_folder

PICTURES_A_PART = 10_000  # a part costs the parsing of its whole JSON, seconds where it is COCO's
EXPORTED = "_annotations.coco.json"

_NAME = re.compile(r"(?:([\w.-]+?)_)?(train|valid|val|test)(-dev)?([0-9]{4}|[-_.][\w.-]*)?\.json")
_OTHER_TASKS = {"captions", "image_info", "panoptic", "person_keypoints", "stuff"}
_PART = re.compile(r"(.+)@([0-9]{1,18})(\+split)?", re.DOTALL)

_ENTRIES_LOOKED_AT = 16

_Found = tuple[str, str | None, tuple[str, ...]]
"""A JSON, its split, and where its pictures may be: the first folder that is there counts."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A JSON, the split of its pictures, and the folder they lie in; both paths below the root."""

    file: str
    split: str | None
    folder: str


class CocoReader:
    """COCO, or a set made like it. A class is a category that has annotations, its label the category's name."""

    layout: ClassVar[str] = "coco"
    expects: ClassVar[str] = (
        "annotations/instances_train2017.json and the like with pictures in train2017/ or images/train2017/, "
        f"or train/{EXPORTED}"
    )
    annotates_all: ClassVar[bool] = True

    def __init__(self, root: Path) -> None:
        """Take the folder of the data set; nothing is read yet."""
        self.root = root

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Say whether a JSON named as COCO's are has a folder of pictures."""
        return bool(_find_sources(root))

    def classes(self) -> list[ClassRecord]:
        """Return the categories with annotations in any JSON, sorted by name. Raises DatasetError as ``parts``."""
        labels = {label for source in self._sources() for label in self._outline(source)[1]}
        return [ClassRecord(label, label) for label in sorted(labels)]

    def parts(self) -> list[str]:
        """Return the parts: up to 10,000 pictures of a JSON each.

        Raises:
            DatasetError: there is no JSON with pictures, one that is not sound, or two with the same pictures
                or of the same split.
        """
        sources = self._sources()
        image_ids = [self._outline(source)[0] for source in sources]
        files = {(source.folder, one) for source, ids in zip(sources, image_ids, strict=True) for one in ids}
        total = sum(map(len, image_ids))
        if len(files) < total:
            raise DatasetError(
                f"{' and '.join(source.file for source in sources)} in {self.root} list the same {total - len(files)} "
                "pictures twice, in two splits: what is trained on cannot measure; take them out of one."
            )
        mark = "+split" if len({one for _, one in files}) < total else ""
        return [
            f"{source.file}@{start}{mark}"
            for source, ids in zip(sources, image_ids, strict=True)
            for start in range(0, max(1, len(ids)), PICTURES_A_PART)
        ]

    def read(self, part: str) -> Iterator[Record]:
        """Yield each picture of a part and its objects behind it. Raises DatasetError if there is no such part."""
        match = _PART.fullmatch(part)
        source = next((source for source in self._sources() if match and source.file == match[1]), None)
        if match is None or source is None or int(match[2]) % PICTURES_A_PART:
            raise DatasetError(f"{part!r} is not a part of {self.root}: take one that parts() returned.")
        return self._read(source, int(match[2]), f"{source.split}/" if match[3] else "")

    def _read(self, source: _Source, start: int, prefix: str) -> Iterator[Record]:
        pictures, labels, rejects = piece(self.root / source.file, source.file, start, PICTURES_A_PART)
        if start and not pictures:
            raise DatasetError(f"{source.file} in {self.root} has no {start} pictures any more: it was changed.")
        yield from rejects
        for name, annotations in pictures:
            image_id = prefix + image_id_of(name)
            record = locate(self.root, source.folder, name, image_id)
            if isinstance(record, RejectRecord):
                yield record  # and its objects with it: nobody could use them
                continue
            yield replace(record, split=source.split)
            for annotation in annotations:
                yield to_object(annotation, image_id, labels, source.file)

    def _sources(self) -> list[_Source]:
        sources = _find_sources(self.root)
        if not sources:
            raise DatasetError(
                f"There is no JSON with a folder of pictures in {self.root}: the layout {self.layout!r} "
                f"expects {self.expects}."
            )
        for split, count in Counter(source.split for source in sources).items():
            if count > 1:
                files = " and ".join(source.file for source in sources if source.split == split)
                raise DatasetError(
                    f"{files} in {self.root} are all of split {split!r}: keep one, since those of "
                    "different years have the same pictures under other names."
                )
        return sources

    def _outline(self, source: _Source) -> tuple[frozenset[str], frozenset[str]]:
        path = self.root / source.file
        return outline(path, path.stat().st_mtime_ns)


def _find_sources(root: Path) -> list[_Source]:
    """Return each JSON whose pictures are there, in the order train, val, test."""
    sources = []
    for file, split, folders in _named(root) or _exported(root):
        if folder := next((folder for folder in folders if (root / folder).is_dir()), None):
            sources.append(_Source(file, split, folder))
    return sorted(sources, key=lambda source: ("train", "val", "test", None).index(source.split))


def _named(root: Path) -> list[_Found]:
    """Return the JSONs of the folder "annotations"."""
    try:
        names = {name: match for name in list_folder(root / "annotations").files if (match := _NAME.fullmatch(name))}
    except OSError:
        return []
    official = [
        name for name, match in names.items() if match[1] == ("image_info" if match[2] == "test" else "instances")
    ]
    # else "images" would do for a split that was not fetched, beside "images/train2017"
    flat = ("images",) if _has_pictures(root / "images") else ()
    found: list[_Found] = []
    for name in official or [name for name, match in names.items() if match[1] not in _OTHER_TASKS]:
        _, split, dev, rest = names[name].groups("")
        # the pictures of test-dev are some of those of test
        if not dev or name.replace(dev, "") not in names:
            folders = (f"{split}{rest}", f"images/{split}{rest}", split, f"images/{split}", *flat)
            found.append((f"annotations/{name}", SPLITS[split], folders))
    return found


def _exported(root: Path) -> list[_Found]:
    """Return the JSONs beside the pictures of each split, else the one for all."""
    candidates: list[_Found] = [(f"{top}/{EXPORTED}", split, (top,)) for top, split in SPLITS.items()]
    candidates = [found for found in candidates if (root / found[0]).is_file()]
    single: list[_Found] = [("annotations.json", None, ("images",)), (EXPORTED, None, (".",))]
    return candidates or [found for found in single if (root / found[0]).is_file()][:1]


def _has_pictures(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(is_picture(entry.name) for entry in islice(entries, _ENTRIES_LOOKED_AT))
    except OSError:
        return False
