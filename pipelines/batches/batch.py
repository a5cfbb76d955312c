"""A call to look at pictures: what is new of them, its units, and how they become a run."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from overfeat.atomic import write_text
from overfeat.results.schemas import PICTURES
from overfeat.results.store import write_table
from pipelines.batches.listing import list_pictures, place_of
from pipelines.batches.recipe import Recipe
from pipelines.batches.runs import publish, read_known
from pipelines.engine.current import Current, set_current
from pipelines.engine.digests import digest_of
from pipelines.engine.fingerprint import key_of
from pipelines.engine.locks import WORK
from pipelines.engine.plan import Plan
from pipelines.engine.stage import Unit, build_stage
from pipelines.engine.workspace import Workspace

STAGE = "detect_batch"
_FACTS, _PICTURES, _CONTENTS = "batch.json", "pictures.parquet", "contents.parquet"


@dataclass(frozen=True)
class Batch:
    """What a call has to do.

    Attributes:
        root: the project's root.
        plan: its units, under a KEY of recipe and new pictures.
        facts: what ``run.json`` will say, as far as it is known before.
        pictures: its rows, with what is known of them; empty where the batch was found in the workspace.
        contents: image_id and a path of the pictures that must be looked at, sorted by image_id; likewise.
    """

    root: Path
    plan: Plan
    facts: Mapping[str, Any]
    pictures: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False, repr=False)
    contents: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False, repr=False)

    @property
    def workspace(self) -> Workspace:
        """Where its units are worked."""
        return Workspace(self.root, STAGE, self.plan.key)


def open_batch(
    root: Path, pictures: str | Sequence[str], recipe: Recipe, out: str, evidence: bool
) -> tuple[Batch | None, int]:
    """Find out what is new.

    Args:
        root: the project's root.
        pictures: see :func:`pipelines.batches.listing.list_pictures`.
        recipe: settings and checkpoints.
        out: folder of runs, local (relative to the root) or ``s3://``.
        evidence: keep what every window said.

    Returns:
        The batch, or None where every picture was looked at before; and how many the call named.

    Raises:
        OverFeatError: if pictures or checkpoints are not there.
        UnreachableError: if a bucket cannot be reached.
    """
    known = read_known(place_of(root, out))
    listed = list_pictures(root, pictures, known)
    before = known[known["recipe"] == recipe.hash]
    pairs = pd.MultiIndex.from_frame(listed[["path", "image_id"]])
    new = listed[~pairs.isin(pd.MultiIndex.from_frame(before[["path", "image_id"]]))]
    if new.empty:
        return None, len(listed)
    contents = new[~new["image_id"].isin(before["image_id"])].drop_duplicates("image_id").sort_values("image_id")
    met = before.drop_duplicates("image_id").set_index("image_id")[["width", "height", "reason"]]
    plan = _plan(root, recipe, out, evidence, new, len(contents))
    facts: dict[str, Any] = {"run": plan.key[:12], "recipe": recipe.hash, "revision": recipe.revision, "out": out}
    facts["settings"] = recipe.params
    return Batch(root, plan, facts, new.join(met, on="image_id"), contents[["image_id", "path"]]), len(listed)


def begin(batch: Batch) -> None:
    """Write down what there is to work, so that a killed call is found again."""
    folder = batch.workspace.folder
    batch.workspace.start(batch.plan)
    batch.pictures.to_parquet(folder / _PICTURES, index=False)
    batch.contents.to_parquet(folder / _CONTENTS, index=False)
    write_text(folder / _FACTS, json.dumps(batch.facts, indent=1))


def _plan(root: Path, recipe: Recipe, out: str, evidence: bool, new: pd.DataFrame, contents: int) -> Plan:
    step = recipe.infer.unit_images
    rows = digest_of(new[["path", "image_id"]].to_csv(index=False).encode())
    inputs = {"recipe": recipe.hash, "pictures": rows, "out": out, "step": str(step), "evidence": str(evidence)}
    key = key_of(inputs)
    set_current(Current(STAGE, key, root))
    listing = (Path(WORK) / STAGE / key / _CONTENTS).as_posix()
    params = {**recipe.params, "checkpoints": recipe.checkpoints, "contents": listing, "evidence": evidence}
    units = [
        Unit(f"{number:05d}", {"start": start, "stop": min(start + step, contents)})
        for number, start in enumerate(range(0, contents, step))
    ]
    stage = build_stage(STAGE, params) if units else None
    workers, threads, gpu = (stage.workers, stage.threads, stage.gpu) if stage else (1, 1, False)
    return Plan(STAGE, key, inputs, params, workers, threads, tuple(units), gpu)


def unfinished(root: Path, out: str, but: str | None) -> Iterator[Batch]:
    """Yield what killed calls with the same folder of runs have left, but for that of the KEY ``but``."""
    for file in sorted((root / WORK / STAGE).glob(f"*/{_FACTS}")):
        workspace, facts = Workspace(root, STAGE, file.parent.name), json.loads(file.read_text(encoding="utf-8"))
        if facts["out"] == out and workspace.folder.name != but:
            yield Batch(root, workspace.read_plan(), facts)


def finish(batch: Batch) -> dict[str, Any]:
    """Make a run of the units that are worked, and forget the batch; return what ``run.json`` says.

    Pictures whose unit is not worked, or whose file was changed meanwhile, are not in the run: the next call finds
    them new.
    """
    folder, plan = batch.workspace.folder, batch.plan
    parts = [batch.workspace.done(unit) for unit in plan.units if batch.workspace.is_done(unit)]
    run = str(batch.facts["run"])
    rows = pd.read_parquet(folder / _PICTURES)
    contents = pd.read_parquet(folder / _CONTENTS)["image_id"]
    seen = [pq.read_table(part / _CONTENTS).to_pandas() for part in parts]
    table = pd.concat(seen) if seen else rows[:0][["image_id", "width", "height", "reason"]]
    rows = rows.set_index("image_id")
    rows.update(table.set_index("image_id"))
    rows = rows.reset_index()
    rows = rows[rows["image_id"].isin(table["image_id"]) | ~rows["image_id"].isin(contents)]
    facts = {**batch.facts, "pictures": len(rows), "worked": len(table), "units": len(parts)}
    facts["unreadable"] = int(rows["reason"].notna().sum())
    facts["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
    if len(rows):
        file = folder / f"run-{_PICTURES}"
        write_table(file, rows.assign(run=run).sort_values("path"), PICTURES, {**facts, "class_names": []})
        publish(place_of(batch.root, str(batch.facts["out"])), parts, file, facts)
    shutil.rmtree(folder)
    return facts
