"""Data sets as distributed, each layout one module; all become the records of ``overfeat.readers.records``.

To add a layout, write a class that follows ``records.Reader`` and add it to ``READERS``.
"""

import os
from itertools import islice
from pathlib import Path

from overfeat.errors import DatasetError, did_you_mean
from overfeat.readers.coco import CocoReader
from overfeat.readers.contents import read_bytes
from overfeat.readers.det import DetReader
from overfeat.readers.folder import FolderReader
from overfeat.readers.ilsvrc import IlsvrcReader
from overfeat.readers.kaggle import KaggleReader
from overfeat.readers.records import ClassRecord, ImageRecord, ObjectRecord, Reader, Record, RejectRecord
from overfeat.readers.tiny_imagenet import TinyImagenetReader
from overfeat.readers.voc import VocReader

READERS: tuple[type[Reader], ...] = (
    IlsvrcReader,
    KaggleReader,
    TinyImagenetReader,
    DetReader,
    VocReader,
    CocoReader,
    FolderReader,  # last: many a layout has folders of pictures somewhere
)
"""The layouts, in the order in which ``auto`` tries them."""

AUTO = "auto"


def open_dataset(root: Path, layout: str = AUTO) -> Reader:
    """Return the reader of the data set in the folder ``root``.

    Args:
        root: the folder of the data set as distributed.
        layout: the name of a layout, or "auto" for the first that recognises the folder.

    Raises:
        DatasetError: there is no such folder or layout, or no layout recognises the folder.
    """
    readers = {reader.layout: reader for reader in READERS}
    if layout != AUTO and layout not in readers:
        known = [AUTO, *readers]
        hint = did_you_mean(layout, known)
        raise DatasetError(f"There is no layout {layout!r}{hint}: known are {', '.join(known)}.")
    if not root.is_dir():
        raise DatasetError(f"There is no folder {root}: a data set was expected there, {_expected(layout)}.")
    if layout != AUTO:
        return readers[layout](root)
    for reader in READERS:
        if reader.recognises(root):
            return reader(root)
    found = _first_names(root)
    raise DatasetError(f"{root} holds {found}, which is no layout known: expected {_expected(AUTO)}.")


def _expected(layout: str) -> str:
    """Describe one layout, or each of them."""
    wanted = [reader for reader in READERS if layout in (AUTO, reader.layout)]
    return "; or ".join(f"{reader.layout!r}, which is {reader.expects}" for reader in wanted)


def _first_names(root: Path, at_most: int = 5) -> str:
    with os.scandir(root) as entries:
        names = [entry.name for entry in islice(entries, at_most + 1)]
    return ", ".join([*map(repr, names[:at_most]), *(["more"] if len(names) > at_most else [])]) or "nothing"


__all__ = [
    "AUTO",
    "READERS",
    "ClassRecord",
    "ImageRecord",
    "ObjectRecord",
    "Reader",
    "Record",
    "RejectRecord",
    "open_dataset",
    "read_bytes",
]
