"""Flow ``reproduce``: the graph of ``dvc.yaml`` with its missing units worked at once, seen and retried in Prefect.

DVC decides what is stale and records it; a flow and ``dvc repro`` never undo each other.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL

from flows.artifacts import publish_report
from flows.dvc_calls import DvcBusyError, has_remote, status
from flows.failure import on_failure
from flows.infrastructure import SENTENCES, end_of, mendable
from flows.remote import pull_stages, push_stages
from flows.stages import Made, make_stages
from flows.temporary_server import bound_to_this_process, warn_without_server
from pipelines.engine.configure import PROFILE, configure
from pipelines.engine.errors import PipelineError
from pipelines.engine.graph import GRAPH_FILE, chain, read_graph
from pipelines.engine.workspace import drop_sealed


@flow(name="reproduce", persist_result=False, **on_failure)
def reproduce(
    stages: list[str] | None = None,
    profile: str | None = None,
    overrides: list[str] | None = None,
    scheduler: str | None = None,
    share: bool = True,
) -> Any:
    """Bring stages up to date.

    Args:
        stages: what to make, with all that it needs, as with ``dvc repro``; None for the whole graph.
        profile: compose ``params.yaml`` from this profile of ``conf/`` first.
        overrides: ``name=value`` settings to compose it with.
        scheduler: address of a Dask scheduler whose workers work the units; None for what OVERFEAT_SCHEDULER names,
            else processes here.
        share: pull from the default DVC remote before and push to it after, where one is configured.

    Returns:
        What was done, by stage: empty where nothing was stale.

    Raises:
        OverFeatError: if settings or data must be mended.
    """
    try:
        with bound_to_this_process():
            root = project_root()
            return _reproduce(root, prepare(root, stages, profile, overrides), scheduler, share)
    except SENTENCES as error:
        return mendable(error)


def _reproduce(root: Path, names: list[str], scheduler: str | None, share: bool) -> dict[str, str]:
    logger = get_run_logger()
    warn_without_server()
    clean, remote = _look(root, names, share)
    if clean:
        logger.info("nothing to do: %s as recorded", ", ".join(names))
        if remote:
            push_stages(root, names)
        return {}
    if remote:
        pull_stages(root, names)
    made = make_stages(root, names, scheduler)
    if left := status(root, names):
        raise PipelineError(
            f"DVC finds {', '.join(left)} stale after the flow: something changed meanwhile; run it again"
        )
    drop_sealed(root, names)
    _report(root, made)
    if remote:
        push_stages(root, names)
    return {name: each.done for name, each in made.items()}


def _look(root: Path, names: list[str], share: bool) -> tuple[bool, bool]:
    """Return whether nothing is stale, and whether to share; DVC is asked both at once, for each takes it a second."""
    with ThreadPoolExecutor(1) as thread:
        remote = thread.submit(has_remote, root) if share else None
        clean = is_clean(root, names)
        return clean, remote.result() if remote else False


def _report(root: Path, made: dict[str, Made]) -> None:
    graph, asked = read_graph(root), flow_run.parameters
    facts = {name: value for name, value in asked.items() if value is not None}
    rows = [[name, each.done, f"{each.seconds:.1f}"] for name, each in made.items()]
    publish_report(root, [graph[name] for name in made], facts, rows)


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


def _is_idle(stages: list[str] | None, profile: str | None, overrides: list[str] | None, share: bool) -> bool:
    """Return whether there is nothing to work and nobody to push to."""
    root = project_root()
    return _look(root, prepare(root, stages, profile, overrides), share) == (True, False)


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
    parser.add_argument("--scheduler", help="address of a Dask scheduler whose workers work the units")
    parser.add_argument("--no-share", action="store_true", help="neither pull from the DVC remote nor push to it")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    asked = parser.parse_args(arguments)
    share = not asked.no_share

    def call() -> None:
        # Without a server nothing is kept of a run: then it is not worth 15 s to start one and do nothing.
        if not PREFECT_API_URL.value() and _is_idle(asked.stage, asked.profile, asked.set, share):
            sys.stderr.write("overfeat: reproduce: nothing to do\n")
        else:
            reproduce(asked.stage, asked.profile, asked.set, asked.scheduler, share)

    return end_of("reproduce", call, asked.debug)


if __name__ == "__main__":
    sys.exit(main())
