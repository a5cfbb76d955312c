"""Where units are worked: ``.work/STAGE/KEY``. A unit is done when its folder has been renamed to ``done/UNIT``."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from overfeat.atomic import sync, sync_tree, write_text
from pipelines.engine.console import say
from pipelines.engine.locks import WORK, flocked, stage_lock
from pipelines.engine.plan import Plan
from pipelines.engine.stage import Unit

_KEPT_UNFINISHED = 2
"""Folders of other KEYs that keep unfinished units when a stage is sealed, for who goes back to those settings."""


class Workspace:
    """The folder of one KEY of one stage.

    ``plan.json`` the plan; ``partial/UNIT`` being worked; ``locks/UNIT`` held by who works it; ``done/UNIT`` worked;
    ``stamps/UNIT.json`` size and time of the worked files; ``progress/UNIT`` how far a unit says it is; ``out`` and
    ``replaced`` for the seal; ``sealed`` a mark.
    """

    def __init__(self, root: Path, stage: str, key: str) -> None:
        self.root = root
        self.stage = stage
        self.folder = root / WORK / stage / key

    def done(self, unit: Unit) -> Path:
        """Return the folder of a worked unit."""
        return self.folder / "done" / unit.name

    def partial(self, unit: Unit) -> Path:
        """Return the folder of a unit that is being worked, or was when its worker died."""
        return self.folder / "partial" / unit.name

    def progress(self, unit: str) -> Path:
        """Return the file in which the unit of this name says how far it is: beside its folder, never in it."""
        return self.folder / "progress" / unit

    def _stamp(self, unit: Unit) -> Path:
        return self.folder / "stamps" / f"{unit.name}.json"

    @contextlib.contextmanager
    def locked(self, unit: Unit) -> Iterator[None]:
        """Hold the unit: a worker that outlives its killed parent for a moment must be gone before another starts."""
        with flocked(self.folder / "locks" / unit.name):
            yield

    def start(self, plan: Plan) -> None:
        """Make the folder and write ``plan.json``; units of another plan under the same KEY are thrown away."""
        path, text = self.folder / "plan.json", plan.dumps()
        if path.is_file() and self.read_plan().units != Plan.loads(text).units:  # both through JSON: tuples are lists
            say("the plan changed although nothing declared did: its units are worked again")
            shutil.rmtree(self.folder)
        write_text(path, text)

    def read_plan(self) -> Plan:
        """Return the plan that :meth:`start` wrote."""
        return Plan.loads((self.folder / "plan.json").read_text(encoding="utf-8"))

    def is_done(self, unit: Unit) -> bool:
        """Return whether the unit's files are there as its worker left them.

        They share their content with the stage's outs (hard links), so a person who edits an out in place edits
        them, too: such a unit counts as missing.
        """
        try:
            stamp = json.loads(self._stamp(unit).read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return False
        return self.done(unit).is_dir() and stamp == _stats(self.done(unit))

    def missing(self, plan: Plan) -> list[Unit]:
        """Return the units that are still to be worked, in the plan's order."""
        return [unit for unit in plan.units if not self.is_done(unit)]

    def open_partial(self, unit: Unit, resumable: bool) -> Path:
        """Return the folder to work the unit in: with what a killed try left if ``resumable``, else empty."""
        folder = self.partial(unit)
        if not resumable:
            self.progress(unit.name).unlink(missing_ok=True)
            if folder.exists():
                shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def commit(self, unit: Unit) -> None:
        """Make the worked unit done: everything on disk, then one rename."""
        partial, done = self.partial(unit), self.done(unit)
        sync_tree(partial)
        write_text(self._stamp(unit), json.dumps(_stats(partial)) + "\n")
        done.parent.mkdir(exist_ok=True)
        if done.exists():
            shutil.rmtree(done)
        partial.rename(done)
        sync(done.parent)

    def mark_sealed(self) -> None:
        """Remember that the outs were made of this folder: it is dropped when another KEY is sealed."""
        shutil.rmtree(self.folder / "progress", ignore_errors=True)
        (self.folder / "sealed").touch()

    def drop_others(self) -> None:
        """Delete the folders of this stage's other KEYs, but for the two newest that were never sealed."""
        others = [path for path in self.folder.parent.iterdir() if path.is_dir() and path != self.folder]
        unfinished = sorted((p for p in others if not (p / "sealed").exists()), key=lambda p: p.stat().st_mtime_ns)
        for path in set(others) - set(unfinished[-_KEPT_UNFINISHED:]):
            shutil.rmtree(path, ignore_errors=True)  # a worker whose parent was killed may still write there


def drop_sealed(root: Path, stages: list[str]) -> None:
    """Delete the units of these stages that are in their outs: of use only until DVC has recorded the outs.

    A stage that is at work is left alone.
    """
    for stage in stages:
        with contextlib.suppress(BlockingIOError), stage_lock(root, stage, wait=False):
            for mark in (root / WORK / stage).glob("*/sealed"):
                shutil.rmtree(mark.parent)


def _stats(folder: Path) -> dict[str, list[int]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    stats = [(path.relative_to(folder).as_posix(), path.stat()) for path in files]
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats}
