"""COCO: detections as a file of results, and the ground truth they are measured against.

Stock pycocotools gives on these files the measures of :func:`overfeat.evaluation.coco.coco_metrics`. What that takes:

- Rows that are equal in score come in a fixed order, since the evaluators keep the order of equals.
- Numbers of pictures, classes and objects begin with 1: in the evaluators 0 stands for "no object".
- A difficult object has the area -1. The evaluators read no flag but ``iscrowd``, which would also change how overlap
  is measured; but they ignore an object whose area is in none of the ranges of sizes, and a detection that hits it.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from overfeat.boxes import area
from overfeat.errors import ResultsError, SettingsError
from overfeat.results.export.boxes import Boxes, Picture, gather
from overfeat.results.export.request import Exported, Request
from overfeat.results.schemas import BOX

DETECTIONS, TRUTH, PICTURES = "detections.json", "ground_truth.json", "images.json"
_NO_SIZE = -1.0


def write(request: Request, folder: Path) -> Exported:
    """Write the boxes, and the ground truth or, where it is not known, which number is which picture."""
    score = request.score or "score"
    if score == "none":
        raise SettingsError("COCO's evaluators rank by a score: choose score or confidence")
    boxes = gather(request)
    if not np.isfinite(boxes.found[score]).all():
        raise ResultsError(f"not every box in {request.root} has a {score}: choose the other with --score")
    if score != "score":
        order = np.argsort(-boxes.found[score].to_numpy(), kind="stable")
        order = order[np.argsort(boxes.found["picture"].to_numpy()[order], kind="stable")]
        boxes = Boxes(boxes.pictures, boxes.labels, boxes.found.iloc[order], boxes.objects, boxes.note)
    folder.mkdir()
    _write_results(folder / DETECTIONS, boxes, score)
    counts = {"pictures": len(boxes.pictures), request.kind: len(boxes.found)}
    files = {request.kind: folder / DETECTIONS}
    parts: dict[str, Iterable[str]] = {"images": _pictures(boxes.pictures)}
    if boxes.objects is not None:
        parts["annotations"] = _annotations(boxes.objects)
        counts["objects"] = len(boxes.objects)
    parts["categories"] = (_text({"id": k + 1, "name": label}) for k, label in enumerate(boxes.labels))
    name = PICTURES if boxes.objects is None else TRUTH
    _write_lists(folder / name, {"description": f"overfeat: {request.root}"}, parts)
    files["pictures"] = folder / name
    notes = (f"there is no {TRUTH}, since {boxes.note}",) if boxes.note else ()
    return Exported(folder, files, counts, notes)


def _write_results(path: Path, boxes: Boxes, score: str) -> None:
    """Write ``[{image_id, category_id, bbox, score}, ...]`` a row a line."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write("[")
        comma = "\n"
        for columns in boxes.chunks(["picture", "label", *BOX, score]):
            lines = (
                f'{{"image_id":{picture + 1},"category_id":{label + 1},'
                f'"bbox":[{x1!r},{y1!r},{x2 - x1!r},{y2 - y1!r}],"score":{value!r}}}'
                for picture, label, x1, y1, x2, y2, value in zip(*columns, strict=True)
            )
            stream.write(comma + ",\n".join(lines))
            comma = ",\n"
        stream.write("\n]\n")


def _pictures(pictures: Iterable[Picture]) -> Iterable[str]:
    for number, picture in enumerate(pictures):
        entry: dict[str, Any] = {"id": number + 1, "file_name": picture.file or picture.image_id}
        if picture.width is not None:
            entry |= {"width": picture.width, "height": picture.height}
        yield _text(entry | {"overfeat_id": picture.image_id, "split": picture.split})


def _annotations(objects: pd.DataFrame) -> Iterable[str]:
    crowd = objects["crowd"].to_numpy(bool)
    difficult = objects["difficult"].to_numpy(bool) & ~crowd
    corners = objects[BOX].to_numpy(np.float64)
    areas = np.where(difficult, _NO_SIZE, area(corners))
    columns = (objects["picture"], objects["label"], corners, areas, crowd, difficult)
    rows = zip(*(np.asarray(column).tolist() for column in columns), strict=True)
    for number, (picture, label, (x1, y1, x2, y2), size, is_crowd, is_difficult) in enumerate(rows):
        yield _text(
            {
                "id": number + 1,
                "image_id": picture + 1,
                "category_id": label + 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": size,
                "iscrowd": int(is_crowd),
                "ignore": int(is_crowd or is_difficult),
                "difficult": int(is_difficult),
            }
        )


def _write_lists(path: Path, info: Mapping[str, str], lists: Mapping[str, Iterable[str]]) -> None:
    """Write one object with lists in it, an entry a line."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write(f'{{\n"info": {_text(info)}')
        for name, entries in lists.items():
            stream.write(f',\n"{name}": [')
            comma = "\n"
            for entry in entries:
                stream.write(comma + entry)
                comma = ",\n"
            stream.write("\n]")
        stream.write("\n}\n")


def _text(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
