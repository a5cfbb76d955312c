"""Prefect's temporary server, started where no PREFECT_API_URL is set, ends with the flow however that ends."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from prefect import get_run_logger
from prefect.settings import PREFECT_API_URL

_GUARD = """
import contextlib, os, signal, sys
if not sys.stdin.buffer.read():  # closed without a word: the flow was killed
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(sys.argv[1]), signal.SIGTERM)
"""


def warn_without_server() -> None:
    """Say in the log of the run what is lost where no server is named."""
    if not PREFECT_API_URL.value():
        get_run_logger().warning(
            "no PREFECT_API_URL: the history of this run is kept only by a temporary server and partly lost; "
            "`prefect server start` and its address in PREFECT_API_URL keep it"
        )


@contextlib.contextmanager
def bound_to_this_process() -> Iterator[None]:
    """End the temporary server, if there is one, when this process is killed; Prefect ends it in all other cases."""
    process = None
    if not PREFECT_API_URL.value():  # importing the server takes seconds, and only then there is one
        from prefect.server.api.server import SubprocessASGIServer

        server = SubprocessASGIServer._instances.get(None)
        process = server.server_process if server else None
    with ending_with_this_process(process.pid) if process else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def ending_with_this_process(child: int) -> Iterator[None]:
    """End process ``child`` when this one is killed; in all other cases who has started it ends it.

    A killed process can do nothing more itself, so a small one waits on a pipe whose other end dies with this one.
    """
    command = [sys.executable, "-S", "-E", "-c", _GUARD, str(child)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as guard:
        try:
            yield
        finally:
            guard.communicate(b"all is well")
