"""The toy project and one Prefect server for all tests of flows."""

import importlib
import os
import runpy
import shutil
from pathlib import Path

import pytest

TOY_PROJECT = runpy.run_path(str(Path(__file__).parents[1] / "pipelines/engine/toy_project.py"))


@pytest.fixture(scope="session")
def toy_template(tmp_path_factory):
    root = tmp_path_factory.mktemp("template") / "toy"
    TOY_PROJECT["make_template"](root)
    return root


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory):
    """Return Prefect's folder for tests; set before Prefect, which reads it when it is imported, is."""
    home = tmp_path_factory.mktemp("prefect")
    before = os.environ.get("PREFECT_HOME")
    os.environ["PREFECT_HOME"] = str(home)
    yield home
    os.environ.pop("PREFECT_HOME")
    if before is not None:
        os.environ["PREFECT_HOME"] = before


@pytest.fixture(scope="session")
def api_url(prefect_home):
    """Return the address of a server that lives as long as the test run."""
    importlib.import_module("flows")  # sets what Prefect reads when it is imported
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield PREFECT_API_URL.value()


@pytest.fixture
def toy(toy_template, tmp_path):
    shutil.copytree(toy_template, tmp_path / "toy", symlinks=True)
    project = TOY_PROJECT["ToyProject"](tmp_path / "toy")
    yield project
    project.close()
