"""``overfeat export``: results in the formats of others."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

HELP = "write results as COCO, Pascal VOC, YOLO or CSV"
EPILOG = """examples:
  overfeat export --format coco --out coco --split val
  overfeat export --format yolo --out yolo --min-confidence 0.5
  overfeat export --format voc --out voc --root data/batches --run 68896976b880
  overfeat export --format csv --out csv --kind classifications --labels n90000003 n90000004"""
_FORMATS = ("coco", "voc", "yolo", "csv")
_KINDS = ("detections", "localizations", "classifications")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the format, where to, and which rows."""
    parser.add_argument("--format", required=True, choices=_FORMATS, help="what to write")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="a new folder for it")
    parser.add_argument("--root", default="data/results", metavar="FOLDER", help="results (default: %(default)s)")
    parser.add_argument("--kind", default=_KINDS[0], choices=_KINDS, help="which rows (default: %(default)s)")
    parser.add_argument("--run", help="only this run")
    parser.add_argument("--labels", nargs="+", metavar="LABEL", help="only these classes")
    parser.add_argument("--min-score", type=float, metavar="SCORE", help="only rows with at least this score")
    parser.add_argument("--min-confidence", type=float, metavar="SHARE", help="likewise of the confidence, 0 to 1")
    parser.add_argument("--split", help="only pictures of this split")
    parser.add_argument(
        "--manifest",
        metavar="FOLDER",
        help="sizes and objects of the pictures (default: data/manifest, if it is there)",
    )
    parser.add_argument(
        "--score",
        choices=("score", "confidence", "none"),
        help="the number beside a box (default: score for coco, confidence for yolo; the others have both)",
    )


def run(chosen: argparse.Namespace, rest: Sequence[str]) -> None:
    """Write the folder, and say what is in it."""
    from overfeat.results.export import export

    written = export(
        chosen.format,
        chosen.out,
        root=chosen.root,
        kind=chosen.kind,
        run=chosen.run,
        labels=chosen.labels,
        min_score=chosen.min_score,
        min_confidence=chosen.min_confidence,
        split=chosen.split,
        manifest=chosen.manifest,
        score=chosen.score,
    )
    counts = ", ".join(f"{count:,} {what}" for what, count in written.counts.items())
    files = ", ".join(str(path.relative_to(written.folder)) for path in written.files.values())
    sys.stderr.write(f"overfeat: {counts} are in {chosen.out}: {files}\n")
    for note in written.notes:
        sys.stderr.write(f"overfeat: {note}\n")
