"""Missing units that who called DVC works, while the stage's own process waits to seal them: a word each way.

So one call of DVC goes through all stages, and each is planned and sealed by one process.
"""

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

HAND_OVER = "OVERFEAT_HAND_OVER"
"""The environment's name for the address, a Unix socket's, of who works the units."""
_WORKED = b"worked\n"
_LONGEST = 1024
_LONGEST_FOLDER = 60


def hand_over(address: str, stage: str) -> bool:
    """Say that units of ``stage`` are missing and wait until they are worked.

    Returns:
        Whether they are; False where nobody listens, or who did has given up or is gone.
    """
    try:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(address)
            caller.sendall(f"{stage}\n".encode())
            return _line(caller) == _WORKED
    except OSError:
        return False


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """Yield a socket for stages that hand over; its address, ``getsockname()``, is of this user alone."""
    folder = tempfile.TemporaryDirectory(prefix="overfeat-", dir=_short_folder())
    with folder as name, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(Path(name) / "units"))
        listener.listen()
        yield listener


def taken_over(listener: socket.socket) -> tuple[str, socket.socket]:
    """Return the stage that hands over next, and the socket at which it waits."""
    caller, _ = listener.accept()
    return _line(caller).decode().strip(), caller


def say_worked(caller: socket.socket) -> None:
    """Tell a stage that its units are worked. One that is gone meanwhile is not told."""
    with caller, contextlib.suppress(OSError):
        caller.sendall(_WORKED)


def _line(caller: socket.socket) -> bytes:
    """Return what is said up to the end of a line, or until the other end is closed."""
    said = b""
    while not said.endswith(b"\n") and len(said) < _LONGEST:
        part = caller.recv(_LONGEST)
        if not part:
            break
        said += part
    return said


def _short_folder() -> str | None:
    """Return where temporary folders may be: addresses of sockets have at most about a hundred bytes."""
    return "/tmp" if len(os.fsencode(tempfile.gettempdir())) > _LONGEST_FOLDER else None  # noqa: S108
