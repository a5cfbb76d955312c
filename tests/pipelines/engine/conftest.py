"""The toy project for tests of the engine."""

import runpy
import shutil
from pathlib import Path

import pytest

TOY_PROJECT = runpy.run_path(str(Path(__file__).parent / "toy_project.py"))


@pytest.fixture(scope="session")
def toy_template(tmp_path_factory):
    root = tmp_path_factory.mktemp("template") / "toy"
    TOY_PROJECT["make_template"](root)
    return root


@pytest.fixture
def toy(toy_template, tmp_path):
    shutil.copytree(toy_template, tmp_path / "toy", symlinks=True)
    project = TOY_PROJECT["ToyProject"](tmp_path / "toy")
    yield project
    project.close()
