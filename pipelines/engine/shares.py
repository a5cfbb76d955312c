"""How far a unit is, said by who works it: a training is one unit of hours, and is not to look like standing still."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from overfeat.atomic import write_text
from pipelines.engine.console import say
from pipelines.engine.current import current
from pipelines.engine.workspace import Workspace

_EPOCH = re.compile(r"epoch (\d+)/(\d+)\b")


def report_share(share: float) -> None:
    """Say that this share, 0 to 1, of the unit that is being worked is done.

    Each call writes a file and waits for the disk: every few seconds is often enough. Nothing happens where no unit is
    being worked.
    """
    at = current()
    if at and at.unit:
        write_text(Workspace(at.root, at.stage, at.key).progress(at.unit), f"{min(1.0, max(0.0, share)):.4f}\n")


def read_shares(root: Path, stage: str, key: str, units: Iterable[str]) -> dict[str, float]:
    """Return the shares that units have said, by the units' names; those that said none are left out."""
    workspace, shares = Workspace(root, stage, key), {}
    for unit in units:
        try:
            shares[unit] = float(workspace.progress(unit).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
    return shares


def epoch_reporter(unit: str) -> Callable[[str], None]:
    """Return what a training reports its lines to: each is said, and ``epoch 3/16`` in it is the unit's share."""

    def report(line: str) -> None:
        say(f"{unit}: {line}")
        if epoch := _EPOCH.match(line):
            report_share(int(epoch[1]) / int(epoch[2]))

    return report
