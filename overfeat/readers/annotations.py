"""The XML annotation of ILSVRC and Pascal VOC: one file a picture, any number of objects in it."""

import math
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from overfeat import boxes
from overfeat.readers.records import ObjectRecord, RejectRecord

CORNERS = ("xmin", "ymin", "xmax", "ymax")

# ValueError and LookupError: an encoding declared in the XML that does not exist or does not fit
_UNSOUND = (ParseError, DefusedXmlException, ValueError, LookupError)


def parse_annotation(
    xml: bytes, image_id: str, file: str, first_pixel: int = 0
) -> Iterator[ObjectRecord | RejectRecord]:
    """Yield the objects of one annotation, and a reject for each that cannot be read; the others are kept.

    Whether a box lies in its picture, or is inside out, is not looked at here.

    Args:
        xml: the file's bytes. Entities, with which a small file can fill the memory, are refused.
        image_id: the picture it belongs to. The XML's own ``<filename>`` is often wrong and is not read.
        file: the file the annotation came from, for the rejects.
        first_pixel: the number of the first pixel: 0 in the ILSVRC archives, 1 in Pascal VOC. The corners in
            the XML are inclusive, those of the records half-open.
    """
    try:
        root = defusedxml.ElementTree.fromstring(xml)
    except _UNSOUND as error:
        yield RejectRecord(image_id, file, "bad annotation", _unsound(image_id, file, error))
        return
    yield from _objects(root, image_id, file, first_pixel)


def parse_whole_annotation(
    xml: bytes, image_id: str, file: str, first_pixel: int = 0
) -> list[ObjectRecord | RejectRecord] | RejectRecord:
    """Return the objects of one annotation as ``parse_annotation`` does, or one reject of the whole picture.

    For data in which every object has a box: what is no sound XML must not pass for a picture without objects.

    Returns:
        The objects, and a reject "bad annotation" for each that cannot be read; or, where the file is no sound
        XML, the reject "unsound annotation", which stands for the picture.
    """
    try:
        root = defusedxml.ElementTree.fromstring(xml)
    except _UNSOUND as error:
        return RejectRecord(image_id, file, "unsound annotation", _unsound(image_id, file, error))
    return list(_objects(root, image_id, file, first_pixel))


def _unsound(image_id: str, file: str, error: Exception) -> str:
    return f"The annotation of {image_id!r} in {file} is not sound XML: {error!r}."


def _objects(root: Element, image_id: str, file: str, first_pixel: int) -> Iterator[ObjectRecord | RejectRecord]:
    for number, element in enumerate(root.iter("object"), start=1):
        try:
            yield _object(element, image_id, first_pixel)
        except ValueError as error:
            detail = f"Object {number} in the annotation of {image_id!r} in {file} is left out: {error}."
            yield RejectRecord(image_id, file, "bad annotation", detail)


def _object(element: Element, image_id: str, first_pixel: int) -> ObjectRecord:
    """Read one ``<object>``. Raises ValueError, with what is wrong with it."""
    # children alone are asked for: a person's <part> in VOC has a <name> and a <bndbox> of its own
    label = (element.findtext("name") or "").strip()
    if not label:
        raise ValueError("it has no <name>")
    box = element.find("bndbox")
    if box is None:
        raise ValueError("it has no <bndbox>")
    x1, y1, x2, y2 = (_corner(box, name) for name in CORNERS)
    difficult = (element.findtext("difficult") or "0").strip() == "1"
    half_open = boxes.from_inclusive((x1, y1, x2, y2), first_pixel)
    return ObjectRecord(image_id, label, *half_open, difficult=difficult)


def _corner(box: Element, name: str) -> float:
    text = box.findtext(name)
    try:
        value = float(text or "")
    except ValueError:
        raise ValueError(f"its <{name}> is {text!r}, not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"its <{name}> is {text!r}, not a finite number")
    return value
