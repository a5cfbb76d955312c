"""The JSON of COCO: pictures, categories and annotations, and what of them can be used."""

import json
from collections import Counter
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from overfeat.errors import DatasetError
from overfeat.readers.records import ObjectRecord, RejectRecord

Entry = dict[str, Any]

_LISTS = ("images", "annotations", "categories")
_KEYS = {*_LISTS, "id", "file_name", "image_id", "category_id", "bbox", "iscrowd", "name"}
_FARTHEST = 1e9


@lru_cache(maxsize=8)
def outline(path: Path, _modified_ns: int) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids of a JSON's pictures and the labels that have objects, parsing once in a process."""
    document = _parse(path)
    pictures, _ = _pictures(document["images"], path.name)
    return frozenset(map(image_id_of, pictures.values())), frozenset(_labels(document, path).values())


def piece(
    path: Path, file: str, start: int, count: int
) -> tuple[list[tuple[str, list[Entry]]], dict[Any, str], list[RejectRecord]]:
    """Return ``count`` file names with their annotations, the labels by id, and what belongs to no picture."""
    document = _parse(path)
    names, rejects = _pictures(document["images"], file)
    wanted: dict[Any, tuple[str, list[Entry]]] = {
        key: (name, []) for key, name in list(names.items())[start : start + count]
    }
    for number, annotation in enumerate(document["annotations"], start=1):
        key = _key(annotation.get("image_id"))
        if key in wanted:
            wanted[key][1].append(annotation)
        elif key not in names:
            detail = f"Annotation {number} in {file} is of image {key!r}, which is none of those used."
            rejects.append(RejectRecord(None, file, "no such picture", detail))
    # reported once, by the first piece
    return list(wanted.values()), _labels(document, path), [] if start else rejects


def _parse(path: Path) -> dict[str, list[Entry]]:
    """Return the three lists of a JSON, of whose entries only what is needed is kept."""
    try:
        whole = json.loads(path.read_text("utf-8-sig"), object_hook=_needed)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}): the data set needs it.") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path} is not sound JSON ({error}): fetch it again.") from error
    lists = {name: whole.get(name, []) for name in _LISTS} if isinstance(whole, dict) and "images" in whole else {}
    if not lists or not all(isinstance(entries, list) for entries in lists.values()):
        raise DatasetError(f"{path} is not of COCO's kind: expected the lists {', '.join(_LISTS)} in it.")
    # what is no entry becomes an empty one, which is rejected as such with its number
    return {name: [e if isinstance(e, dict) else {} for e in entries] for name, entries in lists.items()}


def _needed(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if key in _KEYS}


def _labels(document: dict[str, list[Entry]], path: Path) -> dict[Any, str]:
    """Return the label by id of the categories with annotations. Raises DatasetError if two are the same."""
    used = {_key(annotation.get("category_id")) for annotation in document["annotations"]} - {None}
    entries = [(_key(entry.get("id")), _text(entry.get("name"))) for entry in document["categories"]]
    named = [(key, name) for key, name in entries if key in used and name]
    if len(dict(named)) < len(named) or len({label for _, label in named}) < len(named):
        raise DatasetError(
            f"{path} has annotations of two categories that share an id or a name, among "
            f"{', '.join(sorted({label for _, label in named}))}: nobody could tell them apart; rename one."
        )
    return dict(named)


def _pictures(entries: list[Entry], file: str) -> tuple[dict[Any, str], list[RejectRecord]]:
    """Return the file name by id of each usable entry, in their order, and a reject for each other.

    Of two that share an id or a name without being the same, neither is used: it cannot be known whose the
    annotations are.
    """
    pairs = [(_key(entry.get("id")), _text(entry.get("file_name"))) for entry in entries]
    sound = dict.fromkeys((key, name) for key, name in pairs if key is not None and name)
    ids = Counter(key for key, _ in sound)
    image_ids = Counter(image_id_of(name) for _, name in sound)
    pictures: dict[Any, str] = {k: name for k, name in sound if ids[k] == image_ids[image_id_of(name)] == 1}
    rejects = []
    seen: set[Any] = set()
    for number, (key, name) in enumerate(pairs, start=1):
        if (key, name) not in sound:
            reason, why = "bad entry", "has no id or no file name that is text"
        elif key not in pictures:
            reason, why = "duplicate picture", f"{name!r}, shares its id or its name with another picture"
        elif key in seen:
            reason, why = "duplicate picture", f"{name!r}, is there before"
        else:
            seen.add(key)
            continue
        rejects.append(RejectRecord(None, file, reason, f"Entry {number} of the images in {file} {why}."))
    return pictures, rejects


def to_object(annotation: Entry, image_id: str, labels: dict[Any, str], file: str) -> ObjectRecord | RejectRecord:
    """Turn one annotation into an object, or the reject of it."""
    label, box = labels.get(_key(annotation.get("category_id"))), annotation.get("bbox")
    shown = f"Annotation {annotation.get('id')!r} of {image_id!r} in {file}"
    if label is None:
        detail = f"{shown} is of category {annotation.get('category_id')!r}, which has no entry with a name."
        return RejectRecord(image_id, file, "unknown object class", detail)
    if not isinstance(box, list) or len(box) != len("xywh") or not all(map(_is_number, box)):
        detail = f"{shown} has the box {box!r}, not four finite numbers."
        return RejectRecord(image_id, file, "bad annotation", detail)
    x, y, width, height = map(float, box)
    return ObjectRecord(image_id, label, x, y, x + width, y + height, crowd=annotation.get("iscrowd") == 1)


def image_id_of(name: str) -> str:
    """Return the id of a picture: its file name without the suffix, folders kept."""
    path = PurePosixPath(name)
    return path.as_posix().removesuffix(path.suffix)


def _key(value: object) -> int | str | None:
    """Return an id as JSON may have it, or None where it is something else."""
    return value if isinstance(value, int | str) else None


def _text(value: object) -> str:
    """Return a name without blanks around it, "" if it is none: lone surrogates, which JSON can spell, are no text."""
    return value.strip() if isinstance(value, str) and value == value.encode(errors="replace").decode() else ""


def _is_number(value: object) -> bool:
    """Say whether it is a number of pixels: one of 400 digits, infinity and NaN are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _FARTHEST
