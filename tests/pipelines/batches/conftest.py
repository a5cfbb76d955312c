"""A small project and the calls that flow ``detect_batch`` makes, without Prefect and without a pool."""

import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.batches import batch as batches
from pipelines.batches import shard
from pipelines.batches.batch import Batch
from pipelines.batches.recipe import make_recipe
from pipelines.engine import current
from pipelines.engine.runner import work_unit
from pipelines.engine.settings import load_params

SMALL = runpy.run_path(str(Path(__file__).parent / "small_project.py"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(SMALL["make_project"](tmp_path_factory.mktemp("small") / "project"))


@pytest.fixture
def root(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the small project, which is the current folder, with six pictures in ``inbox``."""
    project = tmp_path / "project"
    shutil.copytree(template, project)
    SMALL["make_pictures"](project / "inbox", range(6))
    monkeypatch.chdir(project)
    monkeypatch.setattr(current, "_current", [])
    shard._load.cache_clear()  # paths are relative to the project
    return project


@pytest.fixture
def begin(root: Path) -> Callable[..., Batch | None]:
    """Return a function that begins a batch."""

    def function(pictures: Any = "inbox", *overrides: str, out: str = "runs", evidence: bool = True) -> Batch | None:
        params = load_params(root / "params.yaml")
        recipe = make_recipe(root, params, overrides, root / "data/checkpoints", None)
        batch, _ = batches.open_batch(root, pictures, recipe, out, evidence)
        if batch:
            batches.begin(batch)
        return batch

    return function


@pytest.fixture
def look(begin: Callable[..., Batch | None]) -> Callable[..., dict[str, Any] | None]:
    """Return a function that looks at pictures and returns what ``run.json`` says; None where nothing is new."""

    def function(*arguments: Any, **named: Any) -> dict[str, Any] | None:
        batch = begin(*arguments, **named)
        if batch is None:
            return None
        for unit in batch.plan.units:
            work_unit(batch.root, batch.plan, unit)
        return batches.finish(batch)

    return function


@pytest.fixture
def picture() -> Callable[..., bytes]:
    function: Callable[..., bytes] = SMALL["picture"]
    return function


@pytest.fixture
def make_checkpoints() -> Callable[[Path, int], None]:
    function: Callable[[Path, int], None] = SMALL["make_checkpoints"]
    return function
