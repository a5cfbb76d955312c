"""The toy project and one Prefect server for all tests of flows."""

import importlib
import os
import runpy
import shutil
import time
from dataclasses import dataclass
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


@pytest.fixture
def flow(toy, api_url, prefect_home):
    """Return a function that runs a flow by its command line."""

    def run(*words, check=0, module="flows.reproduce", **env):
        command = ("python", "-m", module, *words)
        return toy.run(*command, check=check, PREFECT_API_URL=api_url, PREFECT_HOME=prefect_home, **env)

    return run


@dataclass
class StageRun:
    """A stage's flow run: its state, and (state, times run) of its tasks by name."""

    state: str
    tasks: dict


class Seen:
    """What the server knows."""

    def __init__(self, api_url):
        self._url = api_url

    def post(self, path, **body):
        return self._ask("POST", path, body)

    def get(self, path):
        return self._ask("GET", path)

    def _ask(self, method, path, body=None, tries=10):
        import httpx

        answer = httpx.request(method, f"{self._url}/{path}", json=body, timeout=30)
        if answer.status_code == 503 and tries:  # its SQLite file is locked by another writer
            time.sleep(0.5)
            return self._ask(method, path, body, tries - 1)
        return answer.raise_for_status().json()

    def artifact(self, key):
        return self.get(f"artifacts/{key}/latest")

    def tasks(self, run_id):
        found = self.post("task_runs/filter", flow_runs={"id": {"any_": [run_id]}})
        return {run["name"]: (run["state"]["type"], run["run_count"]) for run in found}

    def stages(self, run_id):
        """Return the stages' runs below a run of ``reproduce``, by name."""
        found = self.post("flow_runs/filter", flow_runs={"parent_flow_run_id": {"any_": [run_id]}})
        return {run["name"]: StageRun(run["state"]["type"], self.tasks(run["id"])) for run in found}

    def runs(self, said):
        """Return the stages' runs below the run that a flow's command line has named."""
        return self.stages(run_id(said))


def run_id(said):
    """Return the id of the first flow run that is named in what a flow said."""
    return said.split("/runs/flow-run/")[1].split()[0]


@pytest.fixture
def seen(api_url):
    return Seen(api_url)
