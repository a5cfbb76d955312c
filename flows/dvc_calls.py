"""DVC asked by its command line: what is stale, and to seal what is worked. It stays the only writer of its files."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.engine.command import MISSING_FILE, SEAL_ONLY, UNITS_MISSING, USER_ERROR
from pipelines.engine.errors import PipelineError
from pipelines.engine.locks import WORK
from pipelines.engine.plan import Plan

_STAGE_FAILED = re.compile(r"failed to reproduce '([^']+)'(?:.*exited with (\d+))?", re.DOTALL)
_BUSY = re.compile(r"is busy, it is being blocked by:\s*(.*)|Unable to acquire lock|lock.* is held", re.DOTALL)
_TAIL_LINES = 20


class DvcBusyError(Exception):
    """Another DVC works the same stage or holds the lock; it may be asked again later."""


@dataclass(frozen=True)
class Asked:
    """DVC's answer: the stage is as it must be, or these units are missing; ``ran`` where its command was run."""

    missing: Plan | None
    ran: bool


def repro(root: Path, stage: str, report: Callable[[str], None]) -> Asked:
    """Ask DVC for ``stage``: unchanged, restored from its run cache, or sealed from worked units, but not worked.

    Args:
        root: the project's root folder.
        stage: a stage whose inputs are made.
        report: called with each line that the stage or DVC says, as it comes.

    Raises:
        OverFeatError: if the stage says that settings or data must be mended.
        DvcBusyError: if another run is at it.
        RuntimeError: on anything else, with the end of what was said.
    """
    code, lines = _call(root, ["--wait-for-lock", "repro", stage], report)
    ran = any(line.startswith(f"Running stage '{stage}'") for line in lines)
    if code == 0:
        return Asked(None, ran)
    text = "\n".join(lines)
    failed = _STAGE_FAILED.search(text)
    if failed and failed[2] == str(UNITS_MISSING):
        return Asked(_read_missing(root, stage, failed[1]), ran)
    if failed and failed[2] == str(USER_ERROR):
        raise PipelineError(_sentence(lines))
    _raise_if_busy(text)
    raise RuntimeError(f"`dvc repro {stage}` failed with exit code {code}:\n" + "\n".join(lines[-_TAIL_LINES:]))


def status(root: Path, stages: Sequence[str]) -> dict[str, Any]:
    """Return what DVC finds stale in ``stages``: empty if all is as recorded.

    Raises:
        DvcBusyError: if another run is at one of them.
        RuntimeError: if DVC fails.
    """
    code, lines = _call(root, ["--wait-for-lock", "status", "--json", *stages])
    text = "\n".join(lines)
    start = text.find("{")
    if code == 0 and start >= 0:
        found: dict[str, Any] = json.JSONDecoder().raw_decode(text[start:])[0]
        return found
    _raise_if_busy(text)
    raise RuntimeError(f"`dvc status` failed with exit code {code}:\n" + "\n".join(lines[-_TAIL_LINES:]))


def _read_missing(root: Path, stage: str, named: str) -> Plan:
    if named != stage:
        raise PipelineError(
            f"stage {named} was made and is stale again: its settings, inputs or code changed meanwhile"
        )
    return Plan.loads((root / WORK / stage / MISSING_FILE).read_text(encoding="utf-8"))


def _sentence(lines: Sequence[str]) -> str:
    """Return the last ``overfeat: STAGE: sentence`` without the ``overfeat: ``."""
    said = [line for line in lines if line.startswith("overfeat: ")]
    return said[-1].removeprefix("overfeat: ") if said else "the stage failed without saying why"


def _raise_if_busy(text: str) -> None:
    if busy := _BUSY.search(text):
        by = (busy[1] or "another DVC").strip().splitlines()[0].strip()
        raise DvcBusyError(f"another run is at work: {by}; wait for it, or end it, and run this again")


def _call(root: Path, words: list[str], report: Callable[[str], None] | None = None) -> tuple[int, list[str]]:
    """Run ``dvc`` with ``words``, seal-only, and return its exit code and all that was said."""
    lines = []
    command = [sys.executable, "-m", "dvc", *words]
    with subprocess.Popen(
        command, cwd=root, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if report and lines[-1]:
                report(lines[-1])
    return process.returncode, lines


def _environment() -> dict[str, str]:
    """Return the environment in which ``python`` is this interpreter, also where nobody activated its environment."""
    own = str(Path(sys.executable).parent)
    path = os.pathsep.join([own, os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, SEAL_ONLY: "1", "DVC_NO_ANALYTICS": "1"}
