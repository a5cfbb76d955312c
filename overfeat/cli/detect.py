"""``overfeat detect``: what a trained model sees in a user's own pictures."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from overfeat.errors import PictureError, PlaceError, SettingsError, UnreachableError

if TYPE_CHECKING:
    import pandas as pd

    from overfeat.sight import Sight

HELP = "look at pictures: their classes, one box, all objects"
EPILOG = """\
examples:
  overfeat detect holiday.jpg
  overfeat detect *.jpg --out seen --format csv > seen.csv
  overfeat detect scan.png --min-confidence 0.3 --checkpoints /models/cells"""
_TASKS = ("classes", "box", "objects")
_COLUMNS = ("picture", "what", "label", "name", "confidence", "score", "x1", "y1", "x2", "y2")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the pictures, and what to say of them."""
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="a file, or s3://BUCKET/KEY")
    parser.add_argument(
        "--checkpoints",
        type=Path,
        default=Path("data/checkpoints"),
        metavar="FOLDER",
        help="the trained model (default: %(default)s)",
    )
    parser.add_argument("--only", choices=_TASKS, help="only this (default: all that the model can)")
    parser.add_argument(
        "--min-confidence", type=_chance, default=0.5, metavar="P", help="of an object, 0 to 1 (default: %(default)s)"
    )
    parser.add_argument("--top", type=_count, default=5, metavar="N", help="most classes (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="gets each picture as a PNG with its boxes drawn")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table", help="(default: %(default)s)")


def run(chosen: argparse.Namespace, rest: Sequence[str]) -> None:
    """Look at one picture after the other; one that cannot be read costs a line, and the exit code."""
    from overfeat.inference.looking import read_looking
    from overfeat.models.checkpoint_folder import LOOKING_FILE

    targets = _targets(chosen.pictures, chosen.out)
    read_looking(chosen.checkpoints / LOOKING_FILE)  # before torch is loaded, which takes seconds

    from tqdm import tqdm

    from overfeat.recognizer import Recognizer
    from overfeat.results.schemas import DETECTION, RECOGNITION

    tasks = {"objects": (DETECTION,), None: (RECOGNITION, DETECTION)}.get(chosen.only, (RECOGNITION,))
    recognizer = Recognizer.load(chosen.checkpoints, tasks=tasks)
    frames, failed = [], 0
    quiet = len(chosen.pictures) == 1 or not sys.stderr.isatty()
    for picture in tqdm(chosen.pictures, unit="picture", disable=quiet, leave=False):
        try:
            sight = recognizer.see(picture, tasks)
        except (PictureError, PlaceError, UnreachableError) as error:
            failed += 1
            tqdm.write(f"overfeat: {error}", file=sys.stderr)
            continue
        frames.append(_rows(picture, sight, chosen))
        if chosen.format == "table":
            tqdm.write(_described(picture, sight, frames[-1]), file=sys.stdout)
        if chosen.out is not None:
            _draw(sight, chosen.min_confidence, targets[picture])
    if chosen.format != "table":
        _write(frames, chosen.format)
    if failed:
        raise PictureError(
            f"{failed} of {len(chosen.pictures)} pictures could not be looked at; the lines above say why"
        )


def _rows(picture: str, sight: "Sight", chosen: argparse.Namespace) -> "pd.DataFrame":
    """Return what is said of one picture, a row each: what it is ("classes", "box", "objects"), and its columns."""
    import pandas as pd

    from overfeat.sight import sure

    parts = {"classes": sight.classes.head(chosen.top)}
    if sight.boxes is not None:
        parts["box"] = sight.boxes.head(1)
    if sight.objects is not None:
        parts["objects"] = sure(sight.objects, chosen.min_confidence)
    wanted = {what: part for what, part in parts.items() if chosen.only in (None, what)}
    rows = [part.assign(picture=picture, what=what).reindex(columns=_COLUMNS) for what, part in wanted.items()]
    rows = [part.astype({"confidence": float}) for part in rows if len(part)]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=_COLUMNS)


def _described(picture: str, sight: "Sight", rows: "pd.DataFrame") -> str:
    """Return a paragraph for people."""
    height, width = sight.pixels.shape[1:]
    lines = [f"{picture}  {width}x{height}"]
    for what, of in rows.groupby("what", sort=False):
        for number, row in enumerate(of.to_dict("records")):
            words = row["label"] if row["name"] == row["label"] else f"{row['label']} {row['name']}"
            if what == "classes":
                said = f"{words}  {row['score']:.3f}"
            else:
                sure = (
                    f"{row['confidence']:.3f}"
                    if row["confidence"] == row["confidence"]
                    else f"score {row['score']:.3g}"
                )
                said = f"{words}  {sure}  {row['x1']:.0f},{row['y1']:.0f} to {row['x2']:.0f},{row['y2']:.0f}"
            lines.append(f"  {str(what) if number == 0 else '':8} {said}")
    if sight.objects is not None and not (rows["what"] == "objects").any():
        lines.append("  objects  none")
    return "\n".join(lines)


def _write(frames: "list[pd.DataFrame]", format_: str) -> None:
    import pandas as pd

    whole = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_COLUMNS)
    text = whole.to_csv(index=False) if format_ == "csv" else whole.to_json(orient="records", lines=True)
    sys.stdout.write(text)


def _targets(pictures: Sequence[str], out: Path | None) -> dict[str, Path]:
    """Return where each annotated picture goes, found out before any is looked at.

    Raises:
        SettingsError: if a file is there already, or two pictures would have the same one.
    """
    if out is None:
        return {}
    targets = {picture: out / f"{Path(picture).stem}.png" for picture in pictures}
    for picture, target in targets.items():
        if target.exists():
            raise SettingsError(f"{target} is there already, and is not overwritten: name another folder with --out")
        if twin := next((other for other in targets if other != picture and targets[other] == target), None):
            raise SettingsError(f"{picture} and {twin} would both become {target}: look at them with two calls")
    return targets


def _draw(sight: "Sight", min_confidence: float, target: Path) -> None:
    from overfeat.atomic import replacing
    from overfeat.places import told_unwritten

    with told_unwritten(target, "folder with --out"), replacing(target) as aside:
        sight.annotated(min_confidence).save(aside, format="PNG")


def _chance(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, not {text}")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {text}")
    return value
