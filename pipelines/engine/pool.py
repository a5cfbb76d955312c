"""The work of one unit, and a pool of processes for it that survives the death of any of them."""

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from pipelines.engine.current import Current, set_current
from pipelines.engine.errors import WorkerKilledError
from pipelines.engine.plan import Plan
from pipelines.engine.processes import WorkerContext, start_worker
from pipelines.engine.stage import Unit
from pipelines.engine.workspace import Workspace

TRIES = 3
"""How often a unit is worked whose worker is killed."""


def work_unit(root: Path, plan: Plan, unit: Unit) -> None:
    """Work one unit and make it done; what is done already is left alone."""
    set_current(Current(plan.stage, plan.key, root, unit.name))
    workspace = Workspace(root, plan.stage, plan.key)
    with workspace.locked(unit):
        if workspace.is_done(unit):
            return
        stage = plan.built
        stage.work(unit, workspace.open_partial(unit, stage.resumable))
        workspace.commit(unit)


@lru_cache(maxsize=1)
def _read_plan(root: Path, stage: str, key: str) -> Plan:
    return Workspace(root, stage, key).read_plan()


def _work_in_worker(root: Path, stage: str, key: str, unit: Unit) -> None:
    """Work one unit in a worker process, which reads the plan, and imports the stage, once."""
    work_unit(root, _read_plan(root, stage, key), unit)


class Pool:
    """Processes that work units of one plan. :meth:`work` may be called from many threads at once.

    One killed worker breaks a ``ProcessPoolExecutor`` for good, and everyone waiting on it: it is replaced, and a
    unit that was lost is tried again in a process of its own, so that one that is killed each time, say for its
    memory, takes no other with it.
    """

    def __init__(self, root: Path, plan: Plan, workers: int | None = None) -> None:
        self._root, self._plan = root, plan
        self._workers = workers or min(plan.workers, max(1, len(plan.units)))
        self._lock = threading.Lock()
        self._shared: ProcessPoolExecutor | None = None
        self._all: set[ProcessPoolExecutor] = set()
        self._stopped = False

    def __enter__(self) -> "Pool":
        """Return the pool; processes start with the first unit."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes: those idle at once, those at work too if an interrupt ends the block."""
        self.close(kill=kind is not None and not issubclass(kind, Exception))

    @property
    def at_once(self) -> int:
        """How many units are worked at once; more calls of :meth:`work` wait."""
        return self._workers

    def work(self, unit: Unit, tries: int = TRIES, alone: bool = False) -> None:
        """Work ``unit`` and wait for it.

        Raises:
            WorkerKilledError: if its worker was killed ``tries`` times.
            Exception: whatever the stage's ``work`` raised.
        """
        for attempt in range(tries):
            try:
                return self._try(unit, alone or attempt > 0)
            except BrokenProcessPool as error:
                if self._stopped or attempt == tries - 1:
                    raise WorkerKilledError(
                        f"the process that worked unit {unit.name} was killed (tries: {tries}); if it ran out of "
                        "memory (see `dmesg`), give the machine more or the stage smaller units, and run it again"
                    ) from error
        return None

    def _try(self, unit: Unit, alone: bool) -> None:
        executor = self._open(1) if alone else self._share()
        try:
            executor.submit(_work_in_worker, self._root, self._plan.stage, self._plan.key, unit).result()
        except BrokenProcessPool:
            self._drop(executor)
            raise
        if alone:
            self._drop(executor)

    def _share(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._shared is None:
                self._shared = self._open(self._workers)
            return self._shared

    def _open(self, workers: int) -> ProcessPoolExecutor:
        context = WorkerContext(self._plan.threads)
        parameters = (self._root, os.getpid())
        executor = ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker, initargs=parameters)
        self._all.add(executor)
        return executor

    def _drop(self, executor: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._shared is executor:
                self._shared = None
            self._all.discard(executor)
        executor.shutdown(wait=False)

    def close(self, kill: bool = False) -> None:
        """End all processes; with ``kill`` also those that work a unit, which is then not done."""
        self._stopped = True
        for executor in list(self._all):
            if kill:
                for process in list((executor._processes or {}).values()):
                    process.kill()
            executor.shutdown(wait=True, cancel_futures=True)
