"""Tiny releases of ILSVRC2012 made by code: two classes, a parent that is none, and what oddity a test adds."""

import gzip
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from overfeat.readers import ImageRecord, ObjectRecord, Record, RejectRecord
from overfeat.readers.ilsvrc import BOXES, DEVKIT, TRAIN, VAL, IlsvrcReader

CAT, DOG, ANIMAL = "n00000002", "n00000001", "n00000009"
SYNSETS = ((1, CAT, "cat, true cat", 0), (2, DOG, "dog", 0), (3, ANIMAL, "animal", 2))

Member = tuple[str | tarfile.TarInfo, bytes]


class Build:
    """The pieces of a release, as bytes."""

    @staticmethod
    def tar(*members: Member, form: int = tarfile.USTAR_FORMAT) -> bytes:
        """Return a tar of (name or header, content); a header of a link or device has no content."""
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
            for name, content in members:
                info = tarfile.TarInfo(name) if isinstance(name, str) else name
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return stream.getvalue()

    @staticmethod
    def header(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
        """Return the header of a link, folder or device."""
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        return info

    @staticmethod
    def xml(*objects: str) -> bytes:
        """Return an annotation around objects."""
        return f"<annotation><filename>unreliable</filename>{''.join(objects)}</annotation>".encode()

    @staticmethod
    def object(name: str, *corners: object, extra: str = "") -> str:
        """Return one ``<object>`` with its xmin, ymin, xmax, ymax."""
        names = ("xmin", "ymin", "xmax", "ymax")
        box = "".join(f"<{key}>{value}</{key}>" for key, value in zip(names, corners, strict=True))
        return f"<object><name>{name}</name>{extra}<bndbox>{box}</bndbox></object>"

    @staticmethod
    def meta(synsets: Sequence[tuple[int, str, str, int]] = SYNSETS) -> bytes:
        """Return a meta.mat of (ILSVRC2012_ID, WNID, words, num_children)."""
        fields = ("ILSVRC2012_ID", "WNID", "words", "num_children")
        table = np.empty((len(synsets), 1), dtype=[(field, object) for field in fields])
        table[:, 0] = list(synsets)
        stream = io.BytesIO()
        savemat(stream, {"synsets": table})
        return stream.getvalue()

    @staticmethod
    def picture(text: str) -> bytes:
        """Return bytes that differ for each text and begin as a JPEG does; readers do not decode."""
        return b"\xff\xd8" + text.encode() * 40


class Release:
    """The five archives in a folder, each of which a test may write anew."""

    cat, dog, animal = CAT, DOG, ANIMAL

    def __init__(self, root: Path) -> None:
        """Write a sound one."""
        self.root = root
        cats = Build.tar(*((f"{CAT}_{i}.JPEG", Build.picture(f"cat {i}")) for i in range(3)))
        dogs = Build.tar(*((f"{DOG}_{i}.JPEG", Build.picture(f"dog {i}")) for i in range(2)))
        self.train((f"{CAT}.tar", cats), (f"{DOG}.tar", dogs))
        self.val(*((f"ILSVRC2012_val_{i:08d}.JPEG", Build.picture(f"val {i}")) for i in range(1, 6)))
        self.boxes("train", (f"{CAT}/{CAT}_0.xml", Build.xml(Build.object(CAT, 0, 1, 9, 7))))
        self.boxes("val", ("val/ILSVRC2012_val_00000002.xml", Build.xml(Build.object(DOG, 3, 4, 5, 6))))
        self.devkit()

    def train(self, *members: Member) -> None:
        """Write the training archive."""
        (self.root / TRAIN).write_bytes(Build.tar(*members))

    def cats(self, *members: Member) -> None:
        """Write a training archive of the one class "cat"."""
        self.train((f"{CAT}.tar", Build.tar(*members)))

    def val(self, *members: Member) -> None:
        """Write the validation archive."""
        (self.root / VAL).write_bytes(Build.tar(*members))

    def boxes(self, split: str, *members: Member) -> Path:
        """Write a box archive, and return its path."""
        path = self.root / BOXES[split]
        path.write_bytes(gzip.compress(Build.tar(*members)))
        return path

    def devkit(self, meta: bytes | None = None, ground_truth: str = "1\n2\n2\n1\n1\n") -> Path:
        """Write the development kit, and return its path."""
        members: list[Member] = [
            ("kit/readme.txt", b"read me"),
            ("kit/data/meta.mat", Build.meta() if meta is None else meta),
            ("kit/data/ILSVRC2012_validation_ground_truth.txt", ground_truth.encode()),
        ]
        path = self.root / DEVKIT
        path.write_bytes(gzip.compress(Build.tar(*members)))
        return path

    def records(self, only: str = "") -> list[Record]:
        """Read the parts whose names begin with ``only``, each by a reader of its own."""
        parts = [part for part in IlsvrcReader(self.root).parts() if part.startswith(only)]
        return [record for part in parts for record in IlsvrcReader(self.root).read(part)]

    def images(self, only: str = "") -> list[ImageRecord]:
        """Return the pictures alone."""
        return [record for record in self.records(only) if isinstance(record, ImageRecord)]

    def objects(self) -> list[ObjectRecord]:
        """Return the objects alone."""
        return [record for record in self.records("boxes") if isinstance(record, ObjectRecord)]

    def reasons(self, only: str = "") -> list[tuple[str | None, str]]:
        """Return the picture and reason of each reject."""
        rejects = [record for record in self.records(only) if isinstance(record, RejectRecord)]
        return [(reject.image_id, reject.reason) for reject in rejects]


@pytest.fixture
def build() -> Build:
    """The pieces of a release."""
    return Build()


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A sound release: 3 cats, 2 dogs, 5 validation pictures, one box in each split."""
    return Release(tmp_path)
