"""One writer at a time: ``flock``, which dies with the process that holds it."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from pipelines.engine.console import say

WORK = ".work"
"""The folder of unfinished work, in the project's root and so on the file system of the outs."""


@contextlib.contextmanager
def stage_lock(root: Path, stage: str, wait: bool = True) -> Iterator[None]:
    """Hold the stage: one process works or seals it at a time. Who has to wait says for whom.

    Raises:
        BlockingIOError: if it is held and ``wait`` is False.
    """
    with flocked(root / WORK / stage / "lock", wait, announce=True) as file:
        file.write(f"process {os.getpid()} ({Path(sys.argv[0]).name}) on {os.uname().nodename}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


@contextlib.contextmanager
def flocked(path: Path, wait: bool = True, announce: bool = False) -> Iterator[TextIO]:
    """Hold an exclusive ``flock`` on ``path``.

    Args:
        path: the lock's file. It is never deleted: two processes could then hold two files of one name.
        wait: wait for another holder, or raise BlockingIOError.
        announce: say whom the file names, if it is held by another.

    Yields:
        The open, empty file, for the holder's name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise
            if announce:
                file.seek(0)
                say(f"waiting for {file.read() or 'another process'}, which works this stage")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        yield file
