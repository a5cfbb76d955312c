"""Where a file comes from, for the footers of tables and the names of runs."""

import hashlib
import subprocess
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines.engine.current import current
from pipelines.engine.stage import Stage

_SHORT = 12


def run_name(stage: Stage) -> str:
    """Return the name of this run: the same settings, inputs and code have the same name."""
    at = current()
    return at.key[:_SHORT] if at else f"unsealed-{_settings_digest(stage)[:_SHORT]}"


def settings_footer(stage: Stage) -> dict[str, Any]:
    """Return the facts that depend on nothing but what DVC tracks: stage, key and settings.

    A stage whose re-run with new code gives the same rows keeps the same bytes only where its footer holds no key;
    so the key is in :func:`footer` alone.
    """
    at = current()
    return {"stage": at.stage if at else "", "settings": _settings(stage)}


def footer(stage: Stage) -> dict[str, Any]:
    """Return :func:`settings_footer` with the key, the git commit and the hash of ``dvc.lock`` (None without one)."""
    at = current()
    root = at.root if at else Path.cwd()
    facts = {
        "key": at.key if at else "",
        "git_commit": git_commit(root),
        "dvc_lock": lock_digest(root),
    }
    return settings_footer(stage) | facts


def _settings(stage: Stage) -> dict[str, Any]:
    plain: dict[str, Any] = asdict(stage) if is_dataclass(stage) else {}
    return plain


def _settings_digest(stage: Stage) -> str:
    return hashlib.sha256(repr(stage).encode()).hexdigest()


@lru_cache
def git_commit(root: Path) -> str | None:
    """Return the commit that is checked out; edits after it are not told apart, but the key knows them."""
    try:
        command = ["git", "-C", str(root), "rev-parse", "HEAD"]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def lock_digest(root: Path) -> str | None:
    """Return the SHA-256 of the project's ``dvc.lock``; None without one."""
    path = root / "dvc.lock"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
