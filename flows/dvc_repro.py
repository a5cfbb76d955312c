"""``dvc repro`` in one call, whose stages hand their missing units over to this process and seal what it worked."""

import contextlib
import os
import re
import selectors
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.dvc_calls import STAGE_FAILED, broken, last_sentence, started
from pipelines.engine.command import MISSING_FILE, USER_ERROR
from pipelines.engine.errors import PipelineError, WorkerKilledError
from pipelines.engine.handover import HAND_OVER, listening, say_worked, taken_over
from pipelines.engine.locks import WORK
from pipelines.engine.plan import Plan

UNCHANGED, RESTORED, SEALED = "unchanged", "restored from DVC's cache", "sealed"
"""What DVC made of a stage that had nothing to work."""
_SAID = {
    re.compile(r"Stage '([^']+)' didn't change"): UNCHANGED,
    re.compile(r"Stage '([^']+)' is cached"): RESTORED,
    re.compile(r"Running stage '([^']+)'"): SEALED,
}
_END_SECONDS = 5.0
_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class Reached:
    """How far DVC came: to a stage whose units are missing, or that failed; or, where ``stage`` is None, to its end.

    Attributes:
        stage: the stage's name.
        plan: of its missing units.
        error: what the stage failed with or, without a stage, what DVC itself did.
    """

    stage: str | None = None
    plan: Plan | None = None
    error: Exception | None = None


@contextlib.contextmanager
def dvc_repro(root: Path, stages: Sequence[str], report: Callable[[str], None]) -> Iterator["DvcRepro"]:
    """Start ``dvc repro STAGES``; at the end of the block it is ended, with the stage that it is at.

    Args:
        root: the project's root folder.
        stages: with all that they need.
        report: called with each line that a stage or DVC says, as it comes.
    """
    with listening() as listener:
        address = {HAND_OVER: listener.getsockname()}
        with started(root, ["repro", *stages], **address) as process:
            run = DvcRepro(root, stages, report, process, listener)
            try:
                yield run
            finally:
                run.end()


class DvcRepro:
    """A call of ``dvc repro`` that is under way; made by :func:`dvc_repro`.

    Attributes:
        passed: the stages that DVC has come to, in its order, and what it made of each.
    """

    def __init__(
        self,
        root: Path,
        stages: Sequence[str],
        report: Callable[[str], None],
        process: subprocess.Popen[bytes],
        listener: socket.socket,
    ) -> None:
        """Take what :func:`dvc_repro` has opened."""
        self.passed: dict[str, str] = {}
        self._root, self._stages, self._report = root, stages, report
        self._process, self._listener = process, listener
        self._waiting: socket.socket | None = None
        self._lines: list[str] = []
        self._rest = b""

    def go_on(self) -> Reached:
        """Let the stage that waits seal its worked units, and follow DVC to where it needs something again."""
        if self._waiting:
            say_worked(self._waiting)
            self._waiting = None
        output = self._process.stdout
        assert output is not None
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            selector.register(self._listener, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if output in ready and not self._read(output.fileno()):
                    return self._ended(self._process.wait())
                if self._listener in ready:
                    stage, caller = taken_over(self._listener)
                    if not stage:  # killed before it could say who it is: DVC will say so
                        caller.close()
                        continue
                    self._waiting = caller
                    note = self._root / WORK / stage / MISSING_FILE
                    return Reached(stage, Plan.loads(note.read_text(encoding="utf-8")))

    def end(self) -> None:
        """End DVC if it is not at its end: a stage that waits gives up, and with it DVC."""
        self._listener.close()
        if self._waiting:
            self._waiting.close()
        try:
            self._process.communicate(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.communicate()

    def _read(self, descriptor: int) -> bool:
        """Take what DVC has said since; return False at its end."""
        said = os.read(descriptor, _MOST_BYTES)
        *lines, self._rest = (self._rest + (said or b"\n")).split(b"\n")
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                self._take(text)
        return bool(said)

    def _take(self, line: str) -> None:
        self._lines.append(line)
        for pattern, made in _SAID.items():
            if said := pattern.match(line):
                self.passed[said[1]] = made
        self._report(line)

    def _ended(self, code: int) -> Reached:
        if code == 0:
            return Reached()
        failed = STAGE_FAILED.search("\n".join(self._lines))
        stage, exit_code = failed.groups() if failed else (None, str(code))
        if exit_code == str(USER_ERROR):
            return Reached(stage, error=PipelineError(last_sentence(self._lines)))
        if exit_code and exit_code.startswith("-"):
            whose = f"the process of stage {stage}" if stage else "DVC"
            killed = f"{whose} was ended by signal {exit_code[1:]}; run it again, it goes on from what is done"
            return Reached(stage, error=WorkerKilledError(killed))
        return Reached(stage, error=broken(["repro", *self._stages], code, self._lines))
