"""Flow ``reproduce``: the graph of ``dvc.yaml`` with its missing units worked at once, seen and retried in Prefect.

DVC decides what is stale and records it; a flow and ``dvc repro`` never undo each other.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.settings import PREFECT_API_URL
from prefect.task_runners import ThreadPoolTaskRunner

from flows.dvc_calls import DvcBusyError, status
from flows.stage_task import make_stage, mendable
from flows.temporary_server import bound_to_this_process
from overfeat.errors import OverFeatError
from pipelines.engine.configure import PROFILE, configure
from pipelines.engine.errors import PipelineError, WorkerKilledError
from pipelines.engine.graph import GRAPH_FILE, chain, read_graph
from pipelines.engine.stage import processors
from pipelines.engine.workspace import drop_sealed

_NO_SERVER = (
    "no PREFECT_API_URL: the history of this run is kept only by a temporary server and partly lost; "
    "`prefect server start` and its address in PREFECT_API_URL keep it"
)
_SENTENCES = (OverFeatError, WorkerKilledError, DvcBusyError)
"""Errors whose text is for a person; all others are bugs and keep their traceback."""


@flow(
    name="reproduce",
    task_runner=ThreadPoolTaskRunner(max_workers=processors()),  # type: ignore[arg-type]
    persist_result=False,
)
def reproduce(stages: list[str] | None = None, profile: str | None = None, overrides: list[str] | None = None) -> Any:
    """Bring stages up to date.

    Args:
        stages: what to make, with all that it needs, as with ``dvc repro``; None for the whole graph.
        profile: compose ``params.yaml`` from this profile of ``conf/`` first.
        overrides: ``name=value`` settings to compose it with.

    Returns:
        What was done, by stage: empty where nothing was stale.

    Raises:
        OverFeatError: if settings or data must be mended.
    """
    try:
        with bound_to_this_process():
            return _reproduce(project_root(), stages, profile, overrides)
    except _SENTENCES as error:
        return mendable(error)


def _reproduce(
    root: Path, stages: list[str] | None, profile: str | None, overrides: list[str] | None
) -> dict[str, str]:
    logger = get_run_logger()
    if not PREFECT_API_URL.value():
        logger.warning(_NO_SERVER)
    names = prepare(root, stages, profile, overrides)
    if is_clean(root, names):
        logger.info("nothing to do: %s as recorded", ", ".join(names))
        return {}
    done: dict[str, str] = {}
    for name in names:
        stage_task = make_stage.with_options(name=name, task_run_name=name)
        done[name] = stage_task(str(root), name, return_state=True).result()  # raises what it failed with
    if left := status(root, names):
        raise PipelineError(
            f"DVC finds {', '.join(left)} stale after the flow: something changed meanwhile; run it again"
        )
    drop_sealed(root, names)
    return done


def prepare(root: Path, stages: list[str] | None, profile: str | None, overrides: list[str] | None) -> list[str]:
    """Compose ``params.yaml`` if asked to, and return the stages to make in the order of ``dvc.yaml``."""
    if profile is not None or overrides:
        choices = [f"{PROFILE}={profile}"] if profile is not None else []
        configure(root, [*choices, *(overrides or [])])
    return chain(read_graph(root), stages)


def is_clean(root: Path, names: list[str]) -> bool:
    """Return whether DVC finds nothing stale; where another run is at work it cannot say, so False."""
    try:
        return not status(root, names)
    except DvcBusyError:
        return False


def project_root() -> Path:
    """Return the current folder if it has a ``dvc.yaml``, else the checkout that this module is in."""
    here = Path.cwd()
    return here if (here / GRAPH_FILE).is_file() else Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from the command line and return its exit code: 2 where a person must mend something."""
    parser = argparse.ArgumentParser(prog="python -m flows.reproduce", description="Bring stages up to date.")
    parser.add_argument("--stage", action="append", help="make this stage and what it needs (repeatable)")
    parser.add_argument("--profile", help="compose params.yaml from conf/profile/PROFILE.yaml first")
    parser.add_argument(
        "--set", action="append", metavar="NAME=VALUE", help="compose it with this setting (repeatable)"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    asked = parser.parse_args(arguments)
    if asked.debug:
        os.environ["OVERFEAT_DEBUG"] = "1"
    try:
        # Without a server nothing is kept of a run: then it is not worth 15 s to start one and do nothing.
        root = project_root()
        if not PREFECT_API_URL.value() and is_clean(root, prepare(root, asked.stage, asked.profile, asked.set)):
            sys.stderr.write("overfeat: reproduce: nothing to do\n")
            return 0
        reproduce(asked.stage, asked.profile, asked.set)
    except _SENTENCES as error:
        if asked.debug:
            raise
        sys.stderr.write(f"overfeat: reproduce: {error}\n")
        return 2 if isinstance(error, OverFeatError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
