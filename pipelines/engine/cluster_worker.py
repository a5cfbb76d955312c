"""Runs in a Dask worker: hands units to processes that belong to their KEY. It imports nothing of any stage."""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.engine.errors import not_shared
from pipelines.engine.processes import thread_environment
from pipelines.engine.stage import processors

_POLL_SECONDS = 0.5
_ENDING_SECONDS = 10.0
"""What a process may take to end that says nothing more; its exit code says why."""


@dataclass(frozen=True)
class Job:
    """What a process works for: units of one KEY. Plain values, for they travel between machines."""

    root: str
    stage: str
    key: str
    package: str
    """The package of stages."""
    threads: int
    """Numeric threads of the process; 0 for all processors of the machine."""


class Child:
    """A process in which units of one job are worked, one at a time."""

    def __init__(self, job: Job) -> None:
        words = ["-m", "pipelines.engine.cluster_child", job.stage, job.key, str(os.getpid())]
        self.job, self.fresh = job, True
        self._process = subprocess.Popen(
            [sys.executable, *words],
            cwd=job.root,
            env=os.environ | thread_environment(job.threads or processors()) | {"OVERFEAT_STAGES": job.package},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def work(self, unit: dict[str, Any], wanted: Callable[[], bool]) -> str | None:
        """Return the answer of the process; None if it ended without one, or was ended as ``wanted`` became False."""
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(unit) + "\n")
            self._process.stdin.flush()
        while wanted():
            if select.select([self._process.stdout], [], [], _POLL_SECONDS)[0]:
                return self._process.stdout.readline() or None
            if self._process.poll() is not None:  # what it had started may hold its stdout open
                return None
        return None

    def end(self, patience: float = 0.0) -> int:
        """End the process, if it does not by itself, and return its exit code: negative for a signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self._process.kill()
        with contextlib.suppress(BrokenPipeError), self._process:  # closes the pipes; a request may be left in one
            pass
        return self._process.wait()

    @property
    def ended(self) -> bool:
        """Whether the process is gone: it ends by itself when it has idled for long."""
        return self._process.poll() is not None


_idle: list[Child] = []
_idle_lock = threading.Lock()


def carry(job: Job, unit: dict[str, Any]) -> dict[str, Any]:
    """Have a unit worked in a process of this machine; runs in a thread of the Dask worker.

    Returns:
        ``answer``, the line of the process, or ``ended``, the exit code it ended with instead; and ``host``.

    Raises:
        PipelineError: if the project's folder is not there.
    """
    host = os.uname().nodename
    if not Path(job.root).is_dir():
        raise not_shared(job.root)
    wanted = _wanted()
    while True:
        child = _take(job)
        answer = child.work(unit, wanted)
        if answer is not None:
            child.fresh = False
            with _idle_lock:
                _idle.append(child)
            return {"answer": answer, "host": host}
        code = child.end(_ENDING_SECONDS if wanted() else 0)
        if child.fresh or code != 0 or not wanted():  # else it had idled for long and ended just then
            return {"ended": code, "host": host}


def _take(job: Job) -> Child:
    """Return an idle process of the job, or a new one; idle ones of other jobs give their memory free first."""
    with _idle_lock:
        mine = [child for child in _idle if child.job == job and not child.ended]
        others = [child for child in _idle if child not in mine]
        _idle[:] = mine[1:]
    for child in others:
        child.end()
    return mine[0] if mine else Child(job)


def _wanted() -> Callable[[], bool]:
    """Return a function that says whether the Dask task of this thread still is: not cancelled, its worker not closing.

    A task whose client has gone is cancelled by the scheduler, and Dask cannot end a thread.
    """
    from distributed import Status, get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        closing = worker.status in (Status.closing, Status.closed, Status.failed)
        return task is not None and task.state != "cancelled" and not closing

    return wanted
