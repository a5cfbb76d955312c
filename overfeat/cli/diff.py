"""``overfeat diff``: what changed from one run to another, as a text, as JSON, and as Parquet."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from overfeat.comparison.diff import Diff

HELP = "say what changed from one run to another: boxes gained, lost, moved and relabelled, and each measure"
EPILOG = """\
examples:
  overfeat diff 4844ee2fb544 68896976b880      two runs of data/results or data/batches
  dvc get . data/results --rev v1 -o old       the results of another revision,
  overfeat diff old data/results               and those of now beside them
  overfeat diff old data/results --out diff.parquet --format json > diff.json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the runs, where they are looked for, and how they are compared."""
    add = parser.add_argument
    run = "name of a run below --root or --batches, or a folder of results, local or s3://"
    add("a", metavar="RUN_A", help=run)
    add("b", metavar="RUN_B", help="likewise")
    add("--root", default="data/results", metavar="FOLDER", help="the pipeline's results (default: %(default)s)")
    add("--batches", default="data/batches", metavar="FOLDER", help="runs of batches (default: %(default)s)")
    add("--iou", type=float, default=0.5, help="what two boxes must overlap by to be one object (default: %(default)s)")
    add("--kept", type=float, default=0.9, metavar="IOU", help="a box of this overlap has not moved (default: 0.9)")
    confidence = "detections are compared from this confidence on (default: %(default)s)"
    add("--min-confidence", type=float, default=0.5, metavar="SHARE", help=confidence)
    add("--manifest", metavar="FOLDER", help="what is true, for the measures (default: data/manifest, if there is one)")
    resamplings = "of the pictures, for the intervals of the measures; 0 for none (default: %(default)s)"
    add("--bootstrap", type=int, default=1000, metavar="RESAMPLINGS", help=resamplings)
    add("--out", metavar="FILE", help="also write a row for each box to this Parquet file, local or s3://")
    add("--format", choices=("table", "json"), default="table", help="of the answer (default: %(default)s)")


def run(chosen: argparse.Namespace, rest: Sequence[str]) -> None:
    """Print what changed, and write the rows if a file is named."""
    from overfeat.comparison.diff import diff

    found = diff(
        chosen.a,
        chosen.b,
        chosen.root,
        chosen.batches,
        chosen.iou,
        chosen.kept,
        chosen.min_confidence,
        chosen.manifest,
        chosen.bootstrap,
    )
    answer = json.dumps(as_json(found), indent=2) if chosen.format == "json" else found.summary()
    sys.stdout.write(f"{answer}\n")
    if chosen.out:
        found.save(chosen.out)
        sys.stderr.write(f"overfeat: {len(found.rows):,} rows are in {chosen.out}\n")


def as_json(found: "Diff") -> dict[str, Any]:
    """Return the runs, counts and measures; of the pictures those that changed, or that one run alone looked at."""
    pictures = found.by_image
    changed = pictures[(pictures["changes"] > 0) | (pictures["looked_at"] != "both")]
    counts = {"by_kind": found.by_kind, "by_class": found.by_class, "by_image": changed}
    return {**found.facts, **{name: frame.to_dict("records") for name, frame in counts.items()}}
