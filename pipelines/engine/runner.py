"""Works the missing units: in this process, in a pool of processes, or on the Dask cluster that is named."""

import os
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.engine.plan import Plan
from pipelines.engine.pool import TRIES, Pool, work_unit
from pipelines.engine.progress import Progress
from pipelines.engine.stage import Unit

if TYPE_CHECKING:
    from pipelines.engine.cluster import ClusterPool

__all__ = ["SCHEDULER", "TRIES", "Pool", "open_pool", "work_all", "work_unit"]

SCHEDULER = "OVERFEAT_SCHEDULER"
"""The environment's name for the address of a Dask scheduler, as ``tcp://host:8786``."""
_LOOK_SECONDS = 5.0
_MOST_THREADS = 256


def open_pool(root: Path, plan: Plan, scheduler: str | None = None) -> "Pool | ClusterPool":
    """Return what works the units of ``plan``, for a ``with`` block.

    Args:
        root: the project's root folder.
        plan: of its units, :meth:`Pool.work` takes any.
        scheduler: the address of a Dask scheduler; None for what OVERFEAT_SCHEDULER names, else processes here.

    Raises:
        PipelineError: if the address is none, or the package ``distributed`` is not installed.
        ClusterError: if no scheduler answers there.
    """
    address = scheduler or os.environ.get(SCHEDULER)
    if not address:
        return Pool(root, plan)
    from pipelines.engine.cluster import ClusterPool

    return ClusterPool(root, plan, address)


def work_all(root: Path, plan: Plan, missing: list[Unit]) -> None:
    """Work the units ``missing``; on a cluster if OVERFEAT_SCHEDULER names one.

    Raises:
        Exception: of the first unit, in the plan's order, that failed; those that had begun are finished before.
    """
    with Progress(plan.stage, len(plan.units), len(plan.units) - len(missing)) as progress:
        if plan.workers == 1 and not os.environ.get(SCHEDULER):
            for unit in missing:
                work_unit(root, plan, unit)
                progress.advance()
            return
        with open_pool(root, plan.only(missing)) as pool:
            _work_in(pool, missing, progress)


def _work_in(pool: "Pool | ClusterPool", missing: list[Unit], progress: Progress) -> None:
    """Work the units from threads that wait, as many at once as the pool works, which on a cluster may change."""
    waiting, begun, running = deque(missing), list[Future[None]](), set[Future[None]]()

    def worked(future: Future[None]) -> None:
        if future.exception() is None:
            progress.advance()

    with ThreadPoolExecutor(min(len(missing), _MOST_THREADS)) as threads:
        try:
            while waiting or running:
                while waiting and len(running) < pool.at_once:
                    begun.append(threads.submit(pool.work, waiting.popleft()))
                    begun[-1].add_done_callback(worked)
                    running.add(begun[-1])
                done, running = wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
                if any(future.exception() is not None for future in done):
                    waiting.clear()
        except BaseException:  # Ctrl-C: the threads wait for processes, which nobody else would end
            threads.shutdown(wait=False, cancel_futures=True)
            pool.close(kill=True)
            raise
    for future in begun:
        future.result()
