"""Which files belong to which run: the pipeline's are told by their footers, a batch has a folder of its own."""

import json
from typing import Any

from overfeat.errors import ResultsError
from overfeat.places import Place
from overfeat.results.runs import RUN_FILE, files_in, footers_of
from overfeat.results.schemas import DECISIONS

KINDS = (*DECISIONS, "pictures")
"""Tables that a run can have, beside its evidence; only batches have pictures."""

Files = dict[str, list[Place]]
"""The files of each table, by kind."""


def files_of_batch(folder: Place) -> Files:
    """Return the files in the folder of a run of a batch."""
    return {kind: files_in(folder / kind) for kind in KINDS}


def files_by_run(root: Place) -> dict[str, Files]:
    """Return the files ``ROOT/KIND/*.parquet`` by run; those of batches below ``root`` are not among them."""
    by_run: dict[str, Files] = {}
    for kind in KINDS:
        files = files_in(root / kind)
        for file, footer in zip(files, footers_of(files), strict=True):
            by_run.setdefault(footer["run"], {}).setdefault(kind, []).append(file)
    return by_run


def facts_of_batch(folder: Place) -> dict[str, Any]:
    """Return what ``run.json`` says of a run of a batch.

    Raises:
        ResultsError: if it is damaged.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / RUN_FILE).read_bytes())
    except ValueError as error:
        raise ResultsError(f"{folder / RUN_FILE} cannot be read ({error}): copy the run here anew") from error
    return facts
