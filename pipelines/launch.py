"""One piece of work on several processes of this machine, the ranks of one torch.distributed group.

Each rank is a Python of its own with torchrun's variables in its environment. It is started by the engine's means and
not by torch's launcher, since that one's store listens on all interfaces (here on loopback alone), takes signal
handlers over, and needs the main thread. As with torchrun, one rank's end by an error ends the others.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # documented, not re-exported

from overfeat.errors import OverFeatError
from overfeat.training.ranks import ALONE, Ranks
from pipelines.engine.errors import WorkerKilledError
from pipelines.engine.processes import start_worker, thread_environment

_HOST = "127.0.0.1"
_LAST_WORDS_SECONDS = 2.0
"""How long the others are listened to when a rank has failed: who is cut off may speak before who cut it off."""


@dataclass(frozen=True)
class _Rank:
    number: int
    process: "subprocess.Popen[bytes]"
    pipe: "Connection[Any, Any]"


def run(processes: int, work: Callable[..., None], arguments: Mapping[str, Any], report: Callable[[str], None]) -> None:
    """Call ``work(**arguments, report=report, ranks=...)`` in every rank and wait for all.

    Args:
        processes: how many; with one the call is made here, and nothing is started.
        work: a function of a module, which each rank imports.
        arguments: that pickle.
        report: takes the lines of all ranks, in this process.

    Raises:
        OverFeatError: what a rank raised, as it was.
        WorkerKilledError: if a rank was killed from outside.
        RuntimeError: with the traceback of any other error of a rank.
    """
    if processes == 1:
        work(**arguments, report=report, ranks=ALONE)
        return
    ranks: list[_Rank] = []
    with _store() as port:
        try:
            ranks.extend(_start(number, processes, port) for number in range(processes))
            for rank in ranks:
                with contextlib.suppress(OSError):  # it is dead already, which is seen below
                    rank.pipe.send_bytes(pickle.dumps((work, dict(arguments))))
            _raise_worst(_follow(ranks, report))
        finally:  # who is done has nothing more to do, and would take seconds to put its libraries away
            for rank in ranks:
                rank.process.kill()
                rank.process.wait()
                rank.pipe.close()


@contextlib.contextmanager
def _store() -> Iterator[int]:
    """Serve the group's store on a free port of loopback, which is yielded, for the length of the block."""
    listener = socket.create_server((_HOST, 0))
    port: int = listener.getsockname()[1]
    store = TCPStore(_HOST, port, is_master=True, wait_for_workers=False, master_listen_fd=listener.detach())
    yield port
    del store


def _start(number: int, processes: int, port: int) -> _Rank:
    ours, theirs = multiprocessing.Pipe()
    described = {
        **dict.fromkeys(("RANK", "LOCAL_RANK", "GROUP_RANK"), str(number)),
        **dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), str(processes)),
        **{"MASTER_ADDR": _HOST, "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True"},
        **dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), _loopback()),
        **thread_environment(max(1, torch.get_num_threads() // processes)),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.launch", str(theirs.fileno()), str(os.getpid())],
            env=os.environ | described,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    return _Rank(number, process, ours)


def _loopback() -> str:
    return next(name for _, name in socket.if_nameindex() if name.startswith("lo"))


def _follow(ranks: list[_Rank], report: Callable[[str], None]) -> list[Exception]:
    """Pass lines on until all ranks are done, or one has failed and the others have had their say."""
    talking = {rank.pipe: rank for rank in ranks}
    failures: list[Exception] = []
    until = float("inf")
    while talking and (left := until - time.monotonic()) > 0:
        for pipe in wait(list(talking), None if left == float("inf") else left):
            assert isinstance(pipe, Connection)
            try:
                kind, what = pipe.recv()
            except (EOFError, OSError):
                kind, what = "failed", _silent(talking[pipe], len(ranks))
            if kind == "line":
                report(what)
                continue
            del talking[pipe]
            if kind == "failed":
                failures.append(what)
                until = min(until, time.monotonic() + _LAST_WORDS_SECONDS)
    return failures


def _silent(rank: _Rank, ranks: int) -> Exception:
    """Return what is to be said of a rank that has ended without a word."""
    code = rank.process.wait()
    if code >= 0:
        return RuntimeError(f"rank {rank.number} of {ranks} ended with exit code {code} and said no reason")
    return WorkerKilledError(
        f"rank {rank.number} of the {ranks} processes that train together was killed by "
        f"{signal.Signals(-code).name}; if it ran out of memory (see `dmesg`), give the machine more or set fewer "
        "processes, and run it again: what was done up to the last whole epoch is kept"
    )


def _raise_worst(failures: list[Exception]) -> None:
    """Raise what a person can mend, else a rank's death, else another error; the others are what follows from it."""
    for kind in (OverFeatError, WorkerKilledError, Exception):
        for failure in failures:
            if isinstance(failure, kind):
                raise failure


def _main(descriptor: int, parent: int) -> None:
    """Work as one rank: take the work from the pipe, and say how it ended."""
    start_worker(Path.cwd(), parent)
    pipe: Connection[Any, Any] = Connection(descriptor)
    try:
        work, arguments = pipe.recv()
        work(**arguments, report=lambda line: pipe.send(("line", line)), ranks=Ranks.of_torchrun())
        pipe.send(("done", None))
    except OverFeatError as error:
        pipe.send(("failed", error))
    except Exception:
        number = os.environ["RANK"]
        pipe.send(("failed", RuntimeError(f"rank {number} failed:\n{traceback.format_exc()}")))


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]))
