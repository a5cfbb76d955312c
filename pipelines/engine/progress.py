"""How far a stage is: a bar on a terminal, else a line now and then."""

import sys
import threading
import time
from types import TracebackType

from tqdm import tqdm

from pipelines.engine.console import say

_LINE_SECONDS = 30.0


class Progress:
    """Units worked of a plan, with their rate and the time left, on stderr."""

    def __init__(self, stage: str, total: int, found: int) -> None:
        self._total, self._found, self._worked = total, found, 0
        self._lock = threading.Lock()
        self._started = self._said = time.monotonic()
        self._bar = tqdm(total=total, initial=found, desc=stage, unit="unit", disable=not sys.stderr.isatty())

    def __enter__(self) -> "Progress":
        """Say what there is to do."""
        if self._bar.disable:
            already = f" ({self._found} found done)" if self._found else ""
            say(f"{self._total - self._found} of {self._total} units to work{already}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the bar, or say how long it took."""
        self._bar.close()
        if self._bar.disable and kind is None:
            say(f"{self._worked} units in {_span(time.monotonic() - self._started)}")

    def advance(self) -> None:
        """Count one more worked unit; may be called from any thread."""
        with self._lock:
            self._worked += 1
            self._bar.update()
            now, left = time.monotonic(), self._total - self._found - self._worked
            if self._bar.disable and left and now - self._said >= _LINE_SECONDS:
                self._said = now
                rate = self._worked / (now - self._started)
                done = self._found + self._worked
                say(f"{done} of {self._total} units, {60 * rate:.1f} a minute, {_span(left / rate)} left")


def _span(seconds: float) -> str:
    """Return seconds as ``8.1 s``, ``3 min 20 s`` or ``2 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
