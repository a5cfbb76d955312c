"""What every data set becomes: the records a reader yields, whatever the layout it reads.

A picture is named by where its bytes are: a file below the data set's root, an offset and a length. A picture
inside a tar, even a tar inside a tar, is therefore read with one seek, nothing is unpacked, and no name
found in an archive is ever used as a path.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class ClassRecord:
    """One class: ``label`` is its key everywhere (a synset or folder name), ``name`` is for people."""

    label: str
    name: str


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture: who it is, its class if known, and where its encoded bytes are.

    Attributes:
        image_id: unique within the data set.
        split: "train", "val" or "test"; None where the layout has no split (the manifest then draws one).
        label: class of the whole picture, or None.
        file: path below the data set's root, with forward slashes.
        offset, length: where the encoded picture lies in ``file``, in bytes.
    """

    image_id: str
    split: str | None
    label: str | None
    file: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """One annotated object: its box is float, 0-based, half-open, in pixels of the original picture.

    Attributes:
        difficult: hard to recognise even for a person; a measure may leave it out.
        crowd: the box is around a group of objects too many to annotate one by one (COCO's ``iscrowd``).
    """

    image_id: str
    label: str
    x1: float
    y1: float
    x2: float
    y2: float
    difficult: bool = False
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class RejectRecord:
    """Something left out, and why: ``reason`` is a short fixed key, ``detail`` a sentence for a person."""

    image_id: str | None
    file: str
    reason: str
    detail: str


Record = ImageRecord | ObjectRecord | RejectRecord


class Reader(Protocol):
    """A data set as distributed, read in independent parts.

    A reader is cheap to make, holds no open file and can be made again in another process: the parts of one
    data set are read by several processes at once. Records come in the order of the files, always the same.
    """

    layout: ClassVar[str]
    """The name by which settings choose this layout."""

    expects: ClassVar[str]
    """What the layout looks like on disk, in a few words for an error message."""

    annotates_all: ClassVar[bool]
    """Every object of the classes has a box in every annotated picture, so what has none is background.

    Detection is trained and measured on such data. A picture whose annotation is missing or cannot be read
    is left out by these readers, since it would pass for an empty one; one bad object costs that object alone.
    """

    def __init__(self, root: Path) -> None:
        """Take the folder of the data set."""

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Say whether the folder ``root`` looks like this layout, from a few file names alone."""

    def classes(self) -> list[ClassRecord]:
        """Return the classes, sorted by label: the position is the output channel of a network."""

    def parts(self) -> list[str]:
        """Return the names of the independent pieces, in a fixed order.

        A name may carry a place in a file, so it is good only as long as the data set does not change.

        Raises:
            DatasetError: a needed file is missing.
        """

    def read(self, part: str) -> Iterator[Record]:
        """Yield the records of one part; what cannot be used comes as a RejectRecord, never as an exception.

        Ids are unique within a part. Whether one comes in two parts is for the caller to check, who sees all.

        Raises:
            DatasetError: ``part`` is none of this data set's, or a needed file went away.
        """
