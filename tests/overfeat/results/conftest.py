"""Runs in the test's folder: see ``made_runs.py``."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.overfeat.results import made_runs

MakeRun = Callable[..., Path]


@pytest.fixture
def make_pipeline(tmp_path: Path) -> MakeRun:
    """Return a function that makes results and windows in ``folder``, and returns the folder of results."""

    def make(run: str = "made", folder: str = "data", **how: Any) -> Path:
        return made_runs.make_pipeline(tmp_path / folder, run, **how)

    return make


@pytest.fixture
def make_batch(tmp_path: Path) -> MakeRun:
    """Return a function that makes the run of a batch, and returns the folder of runs."""
    return partial(made_runs.make_batch, tmp_path / "batches")
