"""Pascal VOC: an XML a picture, and lists of the pictures, in the tree that :mod:`overfeat.readers.voc` reads."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from xml.sax.saxutils import escape

from overfeat.errors import ResultsError
from overfeat.results.export.boxes import Picture, gather
from overfeat.results.export.names import safe_name, write_names
from overfeat.results.export.request import Exported, Request
from overfeat.results.schemas import BOX

PICTURES, ANNOTATIONS, LISTS, NAMES = "JPEGImages", "Annotations", "ImageSets/Main", "names.csv"
_LISTED_AS = {"new": "test"}
"""Pictures of batches are in the list of those that nobody annotated, so that the tree is one that is read."""
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(request: Request, folder: Path) -> Exported:
    """Write a tree of the devkit, without the pictures themselves."""
    boxes = gather(request)
    labels = [_label(label) for label in boxes.labels]
    for name in (PICTURES, ANNOTATIONS, LISTS):
        (folder / name).mkdir(parents=True)
    names: list[str] = []
    lists: dict[str, list[str]] = {}
    for picture, rows in boxes.by_picture(["label", *BOX, "score", "confidence"]):
        name = safe_name(picture.image_id)
        names.append(name)
        lists.setdefault(_LISTED_AS.get(picture.split, picture.split), []).append(name)
        # "x": where upper and lower case are one, two pictures could have one name
        with (folder / ANNOTATIONS / f"{name}.xml").open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(_annotation(name, picture, [_object(labels[row[0]], *row[1:]) for row in rows]))
    for split, listed in lists.items():
        text = "".join(f"{name}\n" for name in listed)
        (folder / LISTS / f"{safe_name(split)}.txt").write_text(text, encoding="utf-8", newline="\n")
    write_names(folder / NAMES, boxes.pictures, names)
    files = {"annotations": folder / ANNOTATIONS, "lists": folder / LISTS, "names": folder / NAMES}
    return Exported(folder, files, {"pictures": len(names), request.kind: len(boxes.found)})


def _annotation(name: str, picture: Picture, objects: Sequence[str]) -> str:
    size = ""
    if picture.width is not None:
        size = f"  <size><width>{picture.width}</width><height>{picture.height}</height><depth>3</depth></size>\n"
    suffix = PurePosixPath(picture.file or "").suffix or ".jpg"
    image = "" if _NO_XML.search(picture.image_id) else f"<image>{_escaped(picture.image_id)}</image>"
    return (
        "<annotation>\n"
        f"  <folder>{PICTURES}</folder>\n"
        f"  <filename>{_escaped(name + suffix)}</filename>\n"
        f"  <source><database>overfeat</database>{image}</source>\n"
        f"{size}  <segmented>0</segmented>\n{''.join(objects)}</annotation>\n"
    )


def _object(label: str, x1: float, y1: float, x2: float, y2: float, score: float, confidence: float) -> str:
    """Return an element. Pixels count from 1 and the last one is inside, so that only the left and upper sides move."""
    sides = zip(("xmin", "ymin", "xmax", "ymax"), (x1 + 1, y1 + 1, x2, y2), strict=True)
    corners = "".join(f"<{side}>{_number(value)}</{side}>" for side, value in sides)
    known = f"<confidence>{confidence:.9g}</confidence>" if confidence == confidence else ""
    return (
        f"  <object>\n    <name>{label}</name>\n"
        "    <pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>\n"
        f"    <bndbox>{corners}</bndbox>\n    <score>{score:.9g}</score>{known}\n  </object>\n"
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() else repr(value)


def _label(label: str) -> str:
    if _NO_XML.search(label):
        raise ResultsError(f"the class {label!r} has a character that XML cannot hold: export as coco or csv")
    return _escaped(label)


def _escaped(text: str) -> str:
    return escape(text, {"\r": "&#13;"})  # a plain one would be read as a line's end
