"""A Prefect server for one command: the one that answers already, or one that is started and ends with this process."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from flows.temporary_server import ending_with_this_process
from overfeat.errors import SettingsError

PORT = 4200
"""Where `prefect server start` listens."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_START_SECONDS = 180  # its first start makes the database: 15 s, and more on a busy machine
_STOP_SECONDS = 10
_WORDS = 40


@contextlib.contextmanager
def server_at(url: str, log: Path) -> Iterator[bool]:
    """See to it that a Prefect server answers at ``url``; one that had to be started ends afterwards.

    Its history is in the database of ``PREFECT_HOME`` and so is there again the next time.

    Args:
        url: address of the API, as in ``PREFECT_API_URL``.
        log: what a server that is started says.

    Yields:
        Whether it was started.

    Raises:
        SettingsError: if none answers and none can be started there.
    """
    if answers(url):
        yield False
        return
    at = urlsplit(url)
    if at.hostname not in _LOOPBACK:
        raise SettingsError(f"no Prefect server answers at {url}: start it, or unset PREFECT_API_URL")
    log.parent.mkdir(parents=True, exist_ok=True)
    words = ["server", "start", "--host", at.hostname, "--port", str(at.port or PORT)]
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "--no-prompt", *words],
            env={**os.environ, "PREFECT_UI_API_URL": url},  # else its pages ask port 4200, whatever its own
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the runs first; they end while the server is still there to be told
        )
    with ending_with_this_process(process.pid), _stopped(process):
        _wait(process, url, log)
        yield True


def answers(url: str) -> bool:
    """Return whether a healthy Prefect server is at ``url``."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy leads to loopback
    try:
        with opener.open(f"{url.rstrip('/')}/health", timeout=5) as reply:
            return json.load(reply) is True
    except (OSError, ValueError):
        return False


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while not answers(url):
        if process.poll() is not None or time.monotonic() > end:
            last = log.read_text(encoding="utf-8", errors="replace").strip().split("\n\n")[-1]
            said = " ".join(last.split()[-_WORDS:]) or "nothing"
            raise SettingsError(f"no Prefect server could be started at {url} (it said: {said}; more in {log})")
        time.sleep(0.2)


@contextlib.contextmanager
def _stopped(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
