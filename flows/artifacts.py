"""What a flow shows in Prefect: metrics, curves, the report of a run, and where the results are."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from overfeat.config import leaves
from pipelines import paths
from pipelines.engine.graph import Entry
from pipelines.engine.provenance import git_commit, lock_digest
from pipelines.engine.settings import stage_package
from pipelines.summary import summary

_CURVES = "curves.csv"
_MOST_EPOCHS = 20


def artifact_key(*words: str) -> str:
    """Return words as a key of an artifact: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


def publish_stage(root: Path, entry: Entry) -> None:
    """Show a sealed stage's metrics as a table, and the curves of what it trained."""
    for path, values in read_metrics(root, entry).items():
        table = [{"metric": name, "value": value} for name, value in leaves(values)]
        description = f"`{path}`, as stage {entry.name} wrote it"
        create_table_artifact(key=artifact_key(Path(path).stem), table=table, description=description)
    if text := curves_text(root, entry):
        description = f"Training curves of stage {entry.name}"
        create_markdown_artifact(key=artifact_key("curves", entry.name), markdown=text, description=description)


def publish_report(
    root: Path, entries: Sequence[Entry], facts: Mapping[str, Any], table: Sequence[Sequence[Any]]
) -> None:
    """Show what a flow that has reached metrics ended with, and where its results are; nothing without metrics."""
    if not any(read_metrics(root, entry) for entry in entries):
        return
    text = report_text(root, entries, facts, table)
    create_markdown_artifact(key="report", markdown=text, description="What the last run of the flow ended with")
    results = root / paths.RESULTS
    if results.is_dir():
        link = results.resolve().as_uri()
        create_link_artifact(key="results", link=link, link_text=str(paths.RESULTS), description="Folder of results")


def report_text(root: Path, entries: Sequence[Entry], facts: Mapping[str, Any], table: Sequence[Sequence[Any]]) -> str:
    """Return the report as markdown.

    Args:
        root: the project's root folder.
        entries: the stages that were brought up to date.
        facts: what the run was asked, by name.
        table: a row a stage: its name, what was done, and seconds.
    """
    parts = ["# What the run ended with"]
    if stage_package() == "pipelines":  # the summary is of this project's metrics
        parts += [f"```\n{summary(root)}\n```"]
    known = {"git commit": git_commit(root) or "none", **facts, "sha256 of dvc.lock": lock_digest(root) or "none"}
    parts += ["## Run", markdown_table(["", ""], known.items())]
    parts += ["## Stages", markdown_table(["stage", "done", "seconds"], table)]
    for entry in entries:
        for path, values in read_metrics(root, entry).items():
            parts += [f"## `{path}`", markdown_table(["metric", "value"], leaves(values))]
    return "\n\n".join(parts) + "\n"


def curves_text(root: Path, entry: Entry) -> str:
    """Return a table of at most 20 epochs, the first and the last among them, of each ``curves.csv`` of the outs."""
    parts = []
    for file in sorted(file for out in entry.outs for file in (root / out).rglob(_CURVES)):
        head, *rows = csv.reader(file.read_text(encoding="utf-8").splitlines())
        shown = [[_short(cell) for cell in row] for row in spread(rows, _MOST_EPOCHS)]
        parts += [f"`{file.relative_to(root)}`", markdown_table(head, shown)]
    return "\n\n".join(parts)


def spread(rows: Sequence[Any], most: int) -> list[Any]:
    """Return ``most`` (2 or more) of the rows, evenly spread from the first to the last; all where there are fewer."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(number * (len(rows) - 1) / (most - 1))] for number in range(most)]


def read_metrics(root: Path, entry: Entry) -> dict[str, Any]:
    """Return the values in the stage's metrics files that are there, by path."""
    files = [path for path in entry.metrics if path.endswith(".json") and (root / path).is_file()]
    return {path: json.loads((root / path).read_text(encoding="utf-8")) for path in files}


def markdown_table(head: Sequence[str], rows: Any) -> str:
    """Return a table of a header and rows of anything."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |" for line in lines)


def _short(cell: str) -> str:
    """Return a number with four digits, whole ones and what is none as they are."""
    try:
        return cell if cell.lstrip("-").isdigit() else f"{float(cell):.4g}"
    except ValueError:
        return cell
