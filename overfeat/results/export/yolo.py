"""YOLO: a text file a picture, with a line a box, and the names of the classes."""

import json
from pathlib import Path

import numpy as np

from overfeat.errors import ResultsError
from overfeat.results.export.boxes import gather
from overfeat.results.export.names import safe_name, write_names
from overfeat.results.export.request import Exported, Request
from overfeat.results.schemas import BOX

LABELS, CLASSES, NAMES, DATA = "labels", "classes.txt", "names.csv", "data.yaml"


def write(request: Request, folder: Path) -> Exported:
    """Write ``class cx cy w h`` and a score, in shares of the picture's sides, for every picture and box.

    Raises:
        ResultsError: if the size of a picture is not known, or a class's name does not fit on a line.
    """
    boxes, score = gather(request), request.score or "confidence"
    if unknown := [picture.image_id for picture in boxes.pictures if picture.width is None]:
        raise ResultsError(
            f"the size of {len(unknown):,} pictures is not known, the first {unknown[0]!r}: name the folder of "
            "their manifest"
        )
    if score != "none" and not np.isfinite(boxes.found[score]).all():
        raise ResultsError(
            f"not every box in {request.root} has a {score}: choose another number with --score, or none"
        )
    if odd := next((label for label in boxes.labels if len(label.splitlines()) != 1), None):
        raise ResultsError(f"the class {odd!r} does not fit on a line of {CLASSES}: export as coco or csv")
    folder.mkdir()
    names: list[str] = []
    splits: dict[str, None] = {}
    for picture, rows in boxes.by_picture(["label", *BOX, *([] if score == "none" else [score])]):
        name, below = safe_name(picture.image_id), safe_name(picture.split)
        if below not in splits:
            splits[below] = None
            (folder / LABELS / below).mkdir(parents=True)
        names.append(name)
        assert picture.width
        assert picture.height
        lines = [_line(picture.width, picture.height, *row) for row in rows]
        # "x": where upper and lower case are one, two pictures could have one name
        with (folder / LABELS / below / f"{name}.txt").open("x", encoding="utf-8", newline="\n") as stream:
            stream.writelines(lines)
    text = "".join(f"{label}\n" for label in boxes.labels)
    (folder / CLASSES).write_text(text, encoding="utf-8", newline="\n")
    (folder / DATA).write_text(_data(list(splits), boxes.labels), encoding="utf-8", newline="\n")
    write_names(folder / NAMES, boxes.pictures, names)
    files = {"labels": folder / LABELS, "classes": folder / CLASSES, "data": folder / DATA, "names": folder / NAMES}
    return Exported(folder, files, {"pictures": len(names), request.kind: len(boxes.found)})


def _line(width: float, height: float, label: int, x1: float, y1: float, x2: float, y2: float, *score: float) -> str:
    shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
    return " ".join([str(label), *(f"{value:.9g}" for value in (*shares, *score))]) + "\n"


def _data(splits: list[str], labels: list[str]) -> str:
    """Return the description that trainers read; a JSON text is one of YAML too."""
    folders = "".join(f"{_quoted(split)}: {_quoted(f'images/{split}')}\n" for split in splits)
    names = "".join(f"  {index}: {_quoted(label)}\n" for index, label in enumerate(labels))
    return f"path: .\n{folders}names:\n{names}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
