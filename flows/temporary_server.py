"""Prefect's temporary server, started where no PREFECT_API_URL is set, ends with the flow however that ends."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from prefect.server.api.server import SubprocessASGIServer

_GUARD = """
import contextlib, os, signal, sys
if not sys.stdin.buffer.read():  # closed without a word: the flow was killed
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(sys.argv[1]), signal.SIGTERM)
"""


@contextlib.contextmanager
def bound_to_this_process() -> Iterator[None]:
    """End the temporary server, if there is one, when this process is killed; Prefect ends it in all other cases.

    A killed process can do nothing more itself, so a small one waits on a pipe whose other end dies with this one.
    """
    server = SubprocessASGIServer._instances.get(None)
    process = server.server_process if server else None
    if process is None:
        yield
        return
    command = [sys.executable, "-S", "-E", "-c", _GUARD, str(process.pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as guard:
        try:
            yield
        finally:
            guard.communicate(b"all is well")
