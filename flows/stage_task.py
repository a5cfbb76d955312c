"""One stage as a Prefect task, and its missing units as the tasks below it."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any

from prefect import State, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait
from prefect.runtime import task_run
from prefect.states import Cancelled, Failed
from prefect.tasks import exponential_backoff

from flows.dvc_calls import DvcBusyError, repro
from overfeat.errors import OverFeatError
from pipelines.engine.current import Current, set_current
from pipelines.engine.errors import PipelineError, WorkerKilledError
from pipelines.engine.graph import read_graph
from pipelines.engine.locks import stage_lock
from pipelines.engine.plan import Plan
from pipelines.engine.runner import TRIES, Pool
from pipelines.engine.workspace import Workspace

BUSY_RETRIES = 5
"""Tries after 2, 4, 8, ... seconds where another run is at the stage."""


def mendable(error: BaseException) -> State[Any]:
    """Return the failed state of an error that is a sentence for a person: no traceback, no retry.

    With OVERFEAT_DEBUG=1 the error keeps where it was raised, a hundred lines through pool and engine.
    """
    if os.environ.get("OVERFEAT_DEBUG") != "1":
        error.__cause__ = error.__context__ = None
        error = error.with_traceback(None)
    return Failed(message=str(error), data=error)


def _by_infrastructure(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Return whether a failure may be gone the next time: a lock that is held, a worker that was killed."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, DvcBusyError | WorkerKilledError)


@task(
    retries=BUSY_RETRIES,
    retry_delay_seconds=exponential_backoff(2),
    retry_condition_fn=_by_infrastructure,
    cache_policy=NO_CACHE,
)
def make_stage(root: str, stage: str) -> Any:
    """Bring one stage, whose inputs are made, up to date; return what was done, or a failed state."""
    try:
        return _make(Path(root), stage)
    except OverFeatError as error:
        return mendable(error)


def _make(root: Path, stage: str) -> str:
    logger = get_run_logger()

    def report(line: str) -> None:
        (logger.info if line.startswith("overfeat: ") else logger.debug)(line)

    asked = repro(root, stage, report)
    if asked.missing is None:
        done = "sealed" if asked.ran else "unchanged, or restored"
    else:
        worked = work_units(root, asked.missing)
        if repro(root, stage, report).missing is not None:
            raise PipelineError(
                f"the settings, inputs or code of {stage} changed while it was worked, so nothing is recorded; "
                "run it again to work it anew"
            )
        done = f"{worked} units worked"
    logger.info("%s: %s", stage, done)
    _publish_metrics(root, stage)
    return done


def work_units(root: Path, plan: Plan) -> int:
    """Work the units of ``plan`` as tasks on a pool of processes and return how many there were.

    Raises:
        Exception: of the first unit, in the plan's order, that failed; then no further unit is begun.
    """
    failed = Event()
    set_current(Current(plan.stage, plan.key, root))
    with stage_lock(root, plan.stage), Pool(root, plan) as pool:
        left = {unit.name: unit for unit in Workspace(root, plan.stage, plan.key).missing(plan)}

        @task(
            name=f"{plan.stage}-unit",
            task_run_name="{unit}",
            retries=TRIES - 1,
            retry_delay_seconds=exponential_backoff(1),
            retry_condition_fn=_by_infrastructure,
            cache_policy=NO_CACHE,
        )
        def work(unit: str) -> Any:
            if failed.is_set():
                return Cancelled(message="not begun, because another unit failed")
            try:
                pool.work(left[unit], tries=1, alone=(task_run.run_count or 1) > 1)
            except WorkerKilledError:
                raise  # Prefect's own retries, so that they are seen
            except OverFeatError as error:
                failed.set()
                return mendable(error)
            except Exception:
                failed.set()
                raise
            return None

        futures = work.map(list(left))
        wait(futures)
        for future in futures:
            if future.state.is_failed() or future.state.is_crashed():
                future.result()  # raises
    return len(left)


def _publish_metrics(root: Path, stage: str) -> None:
    """Show the stage's metrics files as a table in Prefect."""
    for path in read_graph(root)[stage].metrics:
        if (root / path).is_file() and path.endswith(".json"):
            values = json.loads((root / path).read_text(encoding="utf-8"))
            table = [{"metric": name, "value": value} for name, value in _leaves(values)]
            key = "".join(char if char.isalnum() else "-" for char in Path(path).stem.lower())
            create_table_artifact(key=key, table=table, description=f"`{path}`, as stage {stage} wrote it")


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
