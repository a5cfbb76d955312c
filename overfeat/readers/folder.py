"""A plain tree of pictures: ``CLASS/picture.jpg``, or ``train/CLASS/picture.jpg`` and so for val and test.

The name of a class folder is the label; folders inside it belong to it. Parts are folders: each class folder
with all below it, and those above them for what lies loose in them.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import ClassVar

from overfeat.errors import DatasetError
from overfeat.readers.names import is_hidden, is_picture
from overfeat.readers.records import ClassRecord, Record, RejectRecord
from overfeat.readers.tree import list_folder, read_tree

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}

_ENTRIES_LOOKED_AT = 16  # of each folder: a class may have a million files, and the first few tell
_LEVELS_LOOKED_AT = 3  # split, class, and a folder inside the class


@dataclass(frozen=True, slots=True)
class _Folder:
    """A part. Without a label it is the root, a split's folder or a stray one: only loose files count."""

    part: str
    split: str | None
    label: str | None

    @property
    def stray(self) -> bool:
        return self.label is None and self.split is None and self.part != "."


class FolderReader:
    """Pictures in class folders, with or without folders of splits above them."""

    layout: ClassVar[str] = "folder"
    expects: ClassVar[str] = "a folder of pictures for each class, or train/, val/, test/ with such folders in"
    annotates_all: ClassVar[bool] = False

    def __init__(self, root: Path) -> None:
        """Take the folder of the data set; nothing is read yet."""
        self.root = root

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Say whether a picture is among the first few entries of the folders below the root."""
        folders = [entry for entry in _first_entries(root) if entry.is_dir()]
        return any(_shows_pictures(folder, _LEVELS_LOOKED_AT) for folder in folders)

    def classes(self) -> list[ClassRecord]:
        """Return the class folders' names, sorted: those of all splits together."""
        labels = {folder.label for folder in self._folders() if folder.label is not None}
        return [ClassRecord(label, label) for label in sorted(labels)]

    def parts(self) -> list[str]:
        """Return each class folder, and the folders above them where something lies loose in them.

        Raises:
            DatasetError: the root has no class folder.
        """
        folders = self._folders()
        if all(folder.label is None for folder in folders):
            raise self._missing("class folder in")
        return [folder.part for folder in folders]

    def read(self, part: str) -> Iterator[Record]:
        """Yield the records of one folder, sorted by name. Raises DatasetError if there is no such part."""
        folder = next((folder for folder in self._folders() if folder.part == part), None)
        if folder is None:
            raise DatasetError(f"{part!r} is not a part of {self.root}: take one that parts() returned.")
        return self._stray(folder) if folder.stray else self._read(folder)

    def _folders(self) -> list[_Folder]:
        """Return the parts, sorted by name, each split's folder before its class folders."""
        if not self.root.is_dir():
            raise self._missing("folder")
        tops = _subfolders(self.root)
        folders = [_Folder(".", None, None)] if _has_loose(self.root) else []
        # "train" may be a class too, beside "bus" and "car"; as a split it has the class folders in it
        if not any(top in SPLITS and _subfolders(self.root / top) for top in tops):
            return folders + [_Folder(top, None, top) for top in tops]
        for top in tops:
            split = SPLITS.get(top)
            if split is None or _has_loose(self.root / top):
                folders.append(_Folder(top, split, None))
            if split is not None:
                folders += [_Folder(f"{top}/{name}", split, name) for name in _subfolders(self.root / top)]
        return folders

    def _missing(self, what: str) -> DatasetError:
        return DatasetError(
            f"There is no {what} {self.root}: the layout {self.layout!r} expects {self.expects} "
            "(links to folders are not followed)."
        )

    def _stray(self, folder: _Folder) -> Iterator[Record]:
        detail = f"The folder {folder.part!r} lies beside those of splits: nothing in it is used."
        yield RejectRecord(None, folder.part, "outside a split", detail)

    def _read(self, folder: _Folder) -> Iterator[Record]:
        for record in read_tree(self.root, folder.part, deep=folder.label is not None):
            if isinstance(record, RejectRecord):
                yield record
            elif folder.label is None and folder.split != "test":  # a test picture's class may be kept secret
                detail = f"{record.file!r} is in no class folder."
                yield RejectRecord(record.image_id, record.file, "no label", detail)
            else:
                yield replace(record, split=folder.split, label=folder.label)


def _subfolders(folder: Path) -> list[str]:
    """Return the names of the folders in a folder; none if it cannot be listed, as reading it will report."""
    try:
        return list_folder(folder).folders
    except OSError:
        return []


def _has_loose(folder: Path) -> bool:
    """Say whether reading a folder without those inside it would say anything."""
    try:
        listing = list_folder(folder)
    except OSError:
        return True
    return bool(listing.files or listing.links)


def _first_entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(islice((entry for entry in entries if not is_hidden(entry.name)), _ENTRIES_LOOKED_AT))
    except OSError:
        return []


def _shows_pictures(folder: os.DirEntry[str], levels: int) -> bool:
    """Say whether a picture is among the first few entries of a folder or of those in it, ``levels`` deep."""
    entries = _first_entries(Path(folder))
    if any(is_picture(entry.name) and entry.is_file() for entry in entries):
        return True
    return levels > 1 and any(_shows_pictures(entry, levels - 1) for entry in entries if entry.is_dir())
