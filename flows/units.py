"""The units of a plan as Prefect tasks over a pool of processes, or over a cluster, inside any flow."""

import contextlib
import os
from pathlib import Path
from threading import Event
from typing import Any

from prefect import task
from prefect.futures import PrefectFuture, wait
from prefect.runtime import task_run
from prefect.states import Cancelled
from prefect.task_runners import ThreadPoolTaskRunner

from flows.gpu_limit import TAG, ensure_limit
from flows.infrastructure import INFRASTRUCTURE, mendable, retrying
from flows.progress import StageProgress
from overfeat.errors import OverFeatError
from pipelines.engine.current import Current, set_current
from pipelines.engine.locks import stage_lock
from pipelines.engine.plan import Plan
from pipelines.engine.runner import SCHEDULER, TRIES, Pool, open_pool
from pipelines.engine.stage import Unit
from pipelines.engine.workspace import Workspace

_MOST_AT_CLUSTER = 256
"""Units given to a cluster at once: it may grow, and keeps the rest in its own queue."""
_GOING_SECONDS = 5.0


def work_units(root: Path, plan: Plan, scheduler: str | None = None, lock: bool = True) -> int:
    """Work the units of ``plan`` that are not done, as tasks of the flow that this is called in.

    They are seen as a progress artifact ``progress-STAGE``; those that want a GPU have the tag ``gpu``, and the server
    lets one of them run at a time. An interrupt, as Prefect's cancellation is one, ends the processes at work.

    Args:
        root: the project's root folder.
        plan: its workspace must have been started.
        scheduler: the address of a Dask scheduler; None for what OVERFEAT_SCHEDULER names, else processes here.
        lock: hold the stage meanwhile; False where the caller does.

    Returns:
        How many units there were to work.

    Raises:
        Exception: of the first unit, in the plan's order, that failed; then no further unit is begun.
    """
    set_current(Current(plan.stage, plan.key, root))
    with stage_lock(root, plan.stage) if lock else contextlib.nullcontext():
        left = {unit.name: unit for unit in Workspace(root, plan.stage, plan.key).missing(plan)}
        if left:
            if plan.gpu:
                ensure_limit()
            with contextlib.ExitStack() as stack:
                pool = _open(stack, root, plan.only(list(left.values())), scheduler)
                progress = stack.enter_context(StageProgress(root, plan, left))
                _work_all(plan, left, pool, progress)
    return len(left)


def _open(stack: contextlib.ExitStack, root: Path, plan: Plan, scheduler: str | None) -> Any:
    """Return the pool, which the stack closes; a cluster is a task, since it may not answer at once."""
    if not (scheduler or os.environ.get(SCHEDULER)):
        return stack.enter_context(open_pool(root, plan))

    @task(name=f"{plan.stage}-cluster", task_run_name="connect", **retrying(TRIES - 1))
    def connect() -> Any:
        try:
            return stack.enter_context(open_pool(root, plan, scheduler))
        except OverFeatError as error:
            return mendable(error)

    return connect()


def _work_all(plan: Plan, left: dict[str, Unit], pool: Any, progress: StageProgress) -> None:
    failed, interrupted = Event(), Event()

    @task(
        name=f"{plan.stage}-unit",
        task_run_name="{unit}",
        tags={TAG} if plan.gpu else None,
        **retrying(TRIES - 1, first_delay=1.0),
    )
    def work(unit: str) -> Any:
        if failed.is_set() or interrupted.is_set():
            return Cancelled(message="not begun, because another unit failed or the run was interrupted")
        count = task_run.run_count or 1
        try:
            pool.work(left[unit], tries=1, alone=count > 1)
        except Exception as error:
            if interrupted.is_set():
                return Cancelled(message="interrupted; what was done of it is kept, if its stage can go on from that")
            if not isinstance(error, INFRASTRUCTURE) or count >= TRIES:
                failed.set()
            if isinstance(error, OverFeatError):
                return mendable(error)
            raise  # Prefect's own retries, so that they are seen
        progress.worked(unit)
        return None

    # A runner of its own: with as many threads as the pool works units at once no task waits in a thread, where it
    # would be shown as running, or would await the GPU that another of this flow has.
    at_once = pool.at_once if isinstance(pool, Pool) else _MOST_AT_CLUSTER
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=min(len(left), at_once))
    runner.__enter__()
    futures: list[PrefectFuture[Any]] = []
    try:
        futures += runner.map(work, {"unit": list(left)})
        wait(futures)
    except BaseException:
        # The threads wait for processes, which nobody else would end, and then say that they are cancelled. One that
        # waits for the GPU hears nothing until it is free (Prefect's wait has no end), so the runner, whose end waits
        # for all threads, is left as it is.
        interrupted.set()
        pool.close(kill=True)
        wait(futures, timeout=_GOING_SECONDS)
        raise
    runner.__exit__(None, None, None)
    for future in futures:
        if future.state.is_failed() or future.state.is_crashed():
            future.result()  # raises
