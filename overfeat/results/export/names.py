"""Names of files for pictures whose image_id may be anything, and the way back."""

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from overfeat.results.export.boxes import Picture

_LONGEST = 200
"""Bytes of a name, which gets a suffix: file systems take 255."""
_BEGINNING = 100
_PLAIN = "._-"


def safe_name(image_id: str) -> str:
    """Return a name that is a file's in one folder, and of no other picture.

    Letters, digits, ``.``, ``_`` and ``-`` are kept. All else, and a dot at either end, becomes ``%`` and the
    hexadecimal number of each of its UTF-8 bytes, as in an address: ``train/a#1`` is ``train%2Fa%231``. An id that
    gets too long is cut and ends with ``~`` and its hash.
    """
    last = len(image_id) - 1
    name = "".join(
        c if c.isalnum() or (c in _PLAIN and not (c == "." and i in (0, last))) else _escaped(c)
        for i, c in enumerate(image_id)
    )
    if name and len(name.encode()) <= _LONGEST:
        return name
    short = name.encode()[:_BEGINNING].decode(errors="ignore")
    return f"{short}~{hashlib.blake2b(image_id.encode(), digest_size=16).hexdigest()}"


def image_id_of(name: str) -> str | None:
    """Return the image_id that :func:`safe_name` made ``name`` of; None where it was cut, and only a list knows."""
    return None if "~" in name else unquote(name, errors="strict")


def write_names(path: Path, pictures: Iterable[Picture], names: Iterable[str]) -> None:
    """Write a CSV file of which name is of which picture: name, image_id, split, and its own file where it has one."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["name", "image_id", "split", "file"])
        for name, picture in zip(names, pictures, strict=True):
            writer.writerow([name, picture.image_id, picture.split, picture.file or ""])


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
