"""A model revision: the checkpoints and settings of a git commit, fetched through DVC."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from overfeat.atomic import making
from overfeat.errors import CheckpointError
from pipelines import paths
from pipelines.engine.locks import WORK
from pipelines.engine.settings import PARAMS_FILE, load_params

_TAIL = 3
_KEPT = 4
"""Revisions whose checkpoints stay at hand: of the paper's larger net they are over half a gigabyte each."""


@dataclass(frozen=True)
class Revision:
    """Where a revision's checkpoints lie, its raw settings, and its commit (None for the working copy)."""

    checkpoints: Path
    params: dict[str, Any]
    commit: str | None


def find_revision(root: Path, name: str | None) -> Revision:
    """Return the working copy, or a git revision with its checkpoints in ``.work/revisions/COMMIT``.

    Those used least lately are deleted there, so one process at a time may call this.

    Args:
        root: the project's root.
        name: a commit, tag or branch whose ``dvc.lock`` names trained checkpoints; None for the working copy as it is.

    Raises:
        CheckpointError: if there is no such revision, or its checkpoints are neither in DVC's cache nor in its remote.
    """
    if name is None:
        return Revision(root / paths.CHECKPOINTS, load_params(root / PARAMS_FILE), None)
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
    if not commit:
        raise CheckpointError(f"there is no git revision {name!r} here: name a commit, a tag or a branch")
    params = yaml.safe_load(_git(root, "show", f"{commit}:./{PARAMS_FILE}") or "null")
    if not isinstance(params, dict):
        raise CheckpointError(f"revision {name!r} has no {PARAMS_FILE}: it is none of this project")
    target = root / WORK / "revisions" / commit
    if not target.is_dir():
        _fetch(root, name, commit, target)
    os.utime(target)
    forget_all_but(target.parent, _KEPT)
    return Revision(target, params, commit)


def forget_all_but(folder: Path, kept: int) -> None:
    """Delete the folders in ``folder`` but for the ``kept`` used last: DVC can fetch them again."""
    by_use = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    for path in by_use[:-kept]:
        shutil.rmtree(path)


def _fetch(root: Path, name: str, commit: str, target: Path) -> None:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    with making(target) as aside:
        words = ["get", ".", paths.CHECKPOINTS.as_posix(), "--rev", commit, "-o", str(aside)]
        command = [sys.executable, "-m", "dvc", *words]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
        if done.returncode:
            said = " ".join(line.strip() for line in done.stderr.strip().splitlines()[-_TAIL:])
            raise CheckpointError(
                f"the checkpoints of revision {name!r} cannot be fetched: they must be in its committed dvc.lock, and "
                f"in DVC's cache or remote ({said})"
            )


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""
