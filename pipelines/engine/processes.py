"""Worker processes that know how many threads to use, whose child they are, and when to go."""

import contextlib
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.5
_SHELLS = {"sh", "ash", "bash", "dash", "fish", "ksh", "zsh"}
_launch_lock = threading.Lock()


class Worker(SpawnProcess):
    """A spawned process that starts with its number of threads set and without the parent's main module."""

    threads = 1

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 - the hook's name in multiprocessing
        with _launching(process_obj.threads):
            return SpawnProcess._Popen(process_obj)


class WorkerContext(SpawnContext):
    """The multiprocessing context of :class:`Worker`."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def Process(self, *args: Any, **kwargs: Any) -> Worker:  # type: ignore[override]  # noqa: N802
        """Return a worker that is not started yet."""
        worker = Worker(*args, **kwargs)
        worker.threads = self.threads
        return worker


@contextlib.contextmanager
def _launching(threads: int) -> Iterator[None]:
    """Set what a child finds when it starts.

    Numeric libraries read their number of threads once, when they are loaded. And a spawned child imports the
    parent's main module, which for a flow is Prefect (3 s), and for a script without ``if __name__ == "__main__"``
    is the whole run once more; units need none of it.
    """
    wanted = thread_environment(threads)
    with _launch_lock:
        main, before = sys.modules["__main__"], {name: os.environ.get(name) for name in wanted}
        sys.modules["__main__"] = types.ModuleType("__main__")
        os.environ.update(wanted)
        try:
            yield
        finally:
            sys.modules["__main__"] = main
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def thread_environment(threads: int) -> dict[str, str]:
    """Return what tells the numeric libraries of a process, before it loads them, how many threads to use."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))


def start_worker(root: Path, parent: int) -> None:
    """Prepare a worker process: paths are relative to ``root``, and it ends when its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    os.chdir(root)
    watch(lambda: os.getppid() == parent)


def watch_ancestors() -> None:
    """End this process when the one that started it is gone, through a shell or directly.

    DVC starts a stage's command through a shell. Most shells replace themselves by their last command; where one
    stays, it survives DVC and hides its death, so the whole line up to the first that is no shell is watched.
    """
    line = _ancestors()
    watch(lambda: _ancestors() == line)


def watch(alive: Callable[[], bool]) -> None:
    """End this process at once, from a daemon thread, when ``alive()`` is False.

    Polling, because the kernel's parent-death signal is bound to the thread that forked, not to the process, and
    would kill healthy pools.
    """

    def poll() -> None:
        while alive():
            time.sleep(POLL_SECONDS)
        os._exit(1)  # the units' flocks go with it

    threading.Thread(target=poll, name="watch-parent", daemon=True).start()


def _ancestors() -> list[int]:
    """Return the parent's id and, as long as that is a shell, its parent's (only where there is a ``/proc``)."""
    line = [os.getppid()]
    while True:
        try:
            # "pid (name) state ppid ...": the name may hold anything, also spaces and brackets
            head, _, tail = Path(f"/proc/{line[-1]}/stat").read_text().rpartition(")")
        except OSError:
            return line
        if head.partition("(")[2] not in _SHELLS:
            return line
        line.append(int(tail.split()[1]))
