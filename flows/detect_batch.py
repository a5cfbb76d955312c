"""Flow ``detect_batch``: what new pictures show, as a new run in ``data/batches``; none is looked at twice.

A picture is its bytes, so that a copy or a renamed file is known; checkpoints and settings are the other half of what
decides. A call that is killed loses the shards in hand: the same call goes on, any other first publishes what was done.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact

from flows.failure import on_failure
from flows.infrastructure import REMOTE_RETRIES, SENTENCES, end_of, mendable, retrying
from flows.reproduce import project_root
from flows.revisions import find_revision
from flows.temporary_server import bound_to_this_process, warn_without_server
from flows.units import work_units
from pipelines.batches import batch as batches
from pipelines.batches.batch import Batch
from pipelines.batches.recipe import Recipe, make_recipe
from pipelines.engine.locks import stage_lock

DEFAULT_OUT = "data/batches"


@flow(name="detect_batch", persist_result=False, **on_failure)
def detect_batch(
    pictures: str | list[str],
    model: str | None = None,
    out: str = DEFAULT_OUT,
    overrides: list[str] | None = None,
    scheduler: str | None = None,
    evidence: bool = True,
) -> Any:
    """Classify, localize and detect in pictures that were not looked at yet.

    Args:
        pictures: a folder (all pictures below it), a pattern such as ``inbox/*.jpg``, a Parquet file with a column
            ``path``, one picture, or a list of these; local (relative to the project's root) or ``s3://``.
        model: git revision whose checkpoints and settings are used; None for those of the working copy.
        out: folder of runs, local or ``s3://``.
        overrides: ``infer.NAME=VALUE`` and ``merge.NAME=VALUE`` on top of the revision's settings.
        scheduler: address of a Dask scheduler whose workers look; None for this machine.
        evidence: keep what every window said.

    Returns:
        What was done: run (None where nothing was new), pictures (rows of the run), worked (looked at), unreadable,
        known (named by the call and looked at before), out.

    Raises:
        OverFeatError: if pictures, checkpoints or settings must be mended.
    """
    try:
        with bound_to_this_process():
            root = project_root()
            with stage_lock(root, batches.STAGE):
                return _detect(root, pictures, model, out, overrides or [], scheduler, evidence)
    except SENTENCES as error:
        return mendable(error)


def _detect(
    root: Path,
    pictures: str | list[str],
    model: str | None,
    out: str,
    overrides: list[str],
    scheduler: str | None,
    evidence: bool,
) -> dict[str, Any]:
    logger = get_run_logger()
    warn_without_server()
    revision = find_revision(root, model)
    recipe = make_recipe(root, revision.params, overrides, revision.checkpoints, revision.commit)
    found, named = _open(root, pictures, recipe, out, evidence)
    if found is None:
        logger.info("nothing to do: all %d pictures were looked at before", named)
        return {"run": None, "pictures": 0, "worked": 0, "unreadable": 0, "known": named, "out": out}
    batches.begin(found)
    logger.info("%d of %d pictures are new, %d to look at", len(found.pictures), named, len(found.contents))
    work_units(root, found.plan, scheduler, lock=False)
    facts = _finish(found)
    done = {name: facts[name] for name in ("run", "pictures", "worked", "unreadable", "out")}
    done["known"] = named - facts["pictures"]
    _publish(done)
    return done


def _open(root: Path, pictures: str | list[str], recipe: Recipe, out: str, evidence: bool) -> tuple[Batch | None, int]:
    """Publish what killed calls have left, but for the same call, and find out what is new."""

    @task(name="list", **retrying(REMOTE_RETRIES))
    def open_batch() -> tuple[Batch | None, int]:
        return batches.open_batch(root, pictures, recipe, out, evidence)

    found, named = open_batch()
    left = list(batches.unfinished(root, out, but=found.plan.key if found else None))
    for batch in left:
        facts = _finish(batch)
        get_run_logger().info("%d pictures of a call that was killed are now run %s", facts["pictures"], facts["run"])
    return open_batch() if left else (found, named)


def _finish(batch: Batch) -> dict[str, Any]:
    @task(name="publish", **retrying(REMOTE_RETRIES))
    def publish() -> dict[str, Any]:
        return batches.finish(batch)

    return publish()


def _publish(done: dict[str, Any]) -> None:
    """Show in Prefect what was done, and how to read it."""
    lines = [f"| {name} | {value} |" for name, value in done.items()]
    text = "\n".join(
        [
            f"# Run {done['run']}",
            "| | |\n|---|---|",
            *lines,
            "```python",
            f"import overfeat\noverfeat.read_detections({done['out']!r}, run={done['run']!r})",
            "```",
        ]
    )
    create_markdown_artifact(key="batch", markdown=text, description="what flow detect_batch did")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from the command line and return its exit code: 2 where a person must mend something."""
    parser = argparse.ArgumentParser(prog="python -m flows.detect_batch", description="Look at new pictures.")
    parser.add_argument("pictures", nargs="+", help="folder, pattern, Parquet of paths, or picture; also s3://")
    parser.add_argument("--model", metavar="REVISION", help="git revision of the checkpoints (default: as they are)")
    parser.add_argument("--out", default=DEFAULT_OUT, help="folder of runs (default: %(default)s)")
    parser.add_argument("--set", action="append", metavar="NAME=VALUE", help="a setting of infer or merge (repeatable)")
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    parser.add_argument("--no-evidence", action="store_true", help="do not keep what every window said")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    asked = parser.parse_args(arguments)

    def call() -> None:
        done: Any = detect_batch(
            asked.pictures, asked.model, asked.out, asked.set, asked.scheduler, not asked.no_evidence
        )
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in done.items()))

    return end_of("detect_batch", call, asked.debug)


if __name__ == "__main__":
    sys.exit(main())
