"""The box archives of ILSVRC2012: tars of XML annotations, some releases of them tars of tars."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from overfeat.readers.annotations import parse_annotation
from overfeat.readers.names import base_name, is_hidden, stem
from overfeat.readers.records import ObjectRecord, RejectRecord
from overfeat.readers.tars import GZIP_ERRORS, ArchiveBreak, Member, open_archive, open_nested, walk

_LONGEST_ANNOTATION = 4 << 20
_LONGEST_NESTED = 256 << 20  # one synset's archive is some 100 KB
_NESTED_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_DEEPEST = 2


def read_boxes(path: Path) -> Iterator[ObjectRecord | RejectRecord]:
    """Yield the objects of every annotation in a box archive, wherever in it the XML files lie.

    An annotation belongs to the picture of the same stem; whether there is one is not looked at here.

    Args:
        path: a tar or a gzipped tar.
    """
    seen: set[str] = set()
    with open_archive(path) as stream:
        for member, xml in _annotations(stream, path.name, depth=0):
            if isinstance(member, RejectRecord):
                yield member
            elif (image_id := stem(member.name)) in seen:
                detail = f"{member.name!r} in {path.name} is a second annotation of {image_id!r}."
                yield RejectRecord(image_id, path.name, "bad annotation", detail)
            else:
                seen.add(image_id)
                yield from parse_annotation(xml, image_id, path.name)


def _annotations(stream: BinaryIO, file: str, depth: int) -> Iterator[tuple[Member | RejectRecord, bytes]]:
    """Yield each annotation with its bytes, or a reject with none, from an archive and those nested in it."""
    try:
        for member in walk(stream):
            if member.kind == "folder" or is_hidden(member.name):
                continue
            nested = base_name(member.name).lower().endswith(_NESTED_SUFFIXES) and depth < _DEEPEST
            if reject := _refuse(member, nested, file):
                yield reject, b""
                continue
            stream.seek(member.offset)
            content = stream.read(member.length)
            if len(content) < member.length:
                raise ArchiveBreak(member.header, "truncated archive")
            if nested:
                yield from _annotations(open_nested(content), f"{file}/{base_name(member.name)}", depth + 1)
            else:
                yield member, content
    except ArchiveBreak as error:
        detail = f"{file} breaks off or is damaged at byte {error.header}: annotations after it are missing."
        yield RejectRecord(None, file, error.reason, detail), b""
    except GZIP_ERRORS as error:
        detail = f"{file} cannot be decompressed to its end ({error}): annotations after it are missing."
        yield RejectRecord(None, file, "truncated archive", detail), b""


def _refuse(member: Member, nested: bool, file: str) -> RejectRecord | None:
    """Return why a member cannot be read, or None if it can."""
    if member.kind != "file":
        reason, why = "not a plain file", "a link, device or sparse file"
    elif not nested and not member.name.lower().endswith(".xml"):
        reason, why = "bad annotation", "no XML file"
    elif member.length > (_LONGEST_NESTED if nested else _LONGEST_ANNOTATION):
        reason, why = "bad annotation", f"{member.length} bytes long, far more than an annotation needs"
    else:
        return None
    return RejectRecord(stem(member.name), file, reason, f"{member.name!r} in {file} is {why}.")
