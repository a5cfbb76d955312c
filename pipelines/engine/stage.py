"""What a stage is: a plan of units, the work of one unit, and how the worked units become the outs."""

import dataclasses
import importlib
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pipelines.engine.settings import parse_section, stage_package

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Unit:
    """A piece of work of some 10 to 60 s, worked by one process, done or not done as a whole."""

    name: str
    """Unique in the stage and safe as a file name."""
    payload: dict[str, Any] = field(default_factory=dict)
    """All that ``work`` needs beside the stage's settings: plain JSON values."""


class Stage(ABC):
    """One stage of ``dvc.yaml``.

    Each stage is a frozen dataclass whose fields are exactly the params that its ``dvc.yaml`` entry declares, already
    parsed, so that it cannot depend on a setting that DVC does not know of.
    """

    resumable: ClassVar[bool] = False
    """True where ``work`` goes on from what a killed try left in its folder; else it is given an empty one."""

    @property
    def workers(self) -> int:
        """Processes that may work units at once."""
        return processors()

    @property
    def threads(self) -> int:
        """Numeric threads (OpenMP, MKL) that one worker may use."""
        return 1

    @property
    def gpu(self) -> bool:
        """Whether its units compute on a GPU: flows then let one at a time have it."""
        return False

    @abstractmethod
    def plan(self) -> list[Unit]:
        """Return the units; the same settings, inputs and code must give the same ones."""

    @abstractmethod
    def work(self, unit: Unit, folder: Path) -> None:
        """Write the unit's files into ``folder``, which nobody else touches."""

    @abstractmethod
    def finish(self, parts: list[Path], out: Path) -> None:
        """Write the declared outs below ``out``, a mirror of the project's root.

        Args:
            parts: the folders of the worked units, in the order of the plan. They must stay as they are.
            out: an empty folder; ``out / "data/manifest/images.parquet"`` becomes ``data/manifest/images.parquet``.
        """


class Training(Stage):
    """A stage that trains: one unit at a time takes the whole machine, and goes on where a killed try stopped."""

    resumable: ClassVar[bool] = True

    @property
    def workers(self) -> int:
        """One."""
        return 1

    @property
    def threads(self) -> int:
        """All processors."""
        return processors()


def processors() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def gather(parts: list[Path], target: Path) -> None:
    """Hard-link (else copy) every file of the folders ``parts`` into the folder ``target``, which is made.

    Raises:
        ValueError: if two parts hold a file of the same name.
    """
    for part in parts:
        for file in sorted(path for path in part.rglob("*") if path.is_file()):
            link = target / file.relative_to(part)
            if link.exists():
                raise ValueError(f"two units wrote {file.relative_to(part)}: {part.name} and one before it")
            link.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(file, link)
    target.mkdir(parents=True, exist_ok=True)


def _link_or_copy(file: Path, link: Path) -> None:
    # A file with further names may be one of a cache, whose content a later write in place would change unseen.
    if file.stat().st_nlink == 1:
        try:
            os.link(file, link)
            return
        except OSError:  # a file system without hard links, or another one
            link.unlink(missing_ok=True)
    shutil.copy2(file, link)


def stage_class(name: str) -> type[Stage]:
    """Return the class of the stage ``name``, importing its module, which may be slow, only now."""
    found: type[Stage] = importlib.import_module(f"{stage_package()}.{name}").STAGE
    return found


def build_stage(name: str, params: Mapping[str, Any]) -> Stage:
    """Return the stage ``name`` with its declared ``params`` parsed.

    Raises:
        TypeError: if the fields of the class are not the params declared in ``dvc.yaml``.
        SettingsError: if a setting is unknown, of the wrong type or out of range.
    """
    cls = stage_class(name)
    fields = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    if sorted(fields) != sorted(params):
        raise TypeError(f"stage {name}: dvc.yaml declares the params {sorted(params)}, the class has {sorted(fields)}")
    return cls(**{key: parse_section(key, value) for key, value in params.items()})


def check_units(stage: str, units: list[Unit]) -> None:
    """Raise ValueError where a unit's name is used twice or is not safe as a file name."""
    seen: set[str] = set()
    for unit in units:
        if not _SAFE_NAME.fullmatch(unit.name):
            raise ValueError(f"stage {stage}: the unit name {unit.name!r} is not safe as a file name")
        if unit.name in seen:
            raise ValueError(f"stage {stage}: two units are named {unit.name!r}")
        seen.add(unit.name)
