"""Units that want a GPU: one at a time, over all flows of a server."""

import importlib
import shutil
import signal
import time
from itertools import pairwise

import pytest

pytestmark = pytest.mark.slow  # a flow takes 5 to 15 s, the server 20 s once


@pytest.fixture
def client(api_url):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def _delete(client):
    from prefect.exceptions import ObjectNotFound

    try:
        client.delete_concurrency_limit_by_tag("gpu")
    except ObjectNotFound:
        return


def test_the_limit_is_made_and_what_a_person_has_set_stays(client):
    ensure_limit = importlib.import_module("flows.gpu_limit").ensure_limit
    _delete(client)
    ensure_limit()
    assert client.read_concurrency_limit_by_tag("gpu").concurrency_limit == 1
    client.create_concurrency_limit("gpu", 3)
    ensure_limit()
    assert client.read_concurrency_limit_by_tag("gpu").concurrency_limit == 3
    _delete(client)


def test_two_flows_never_work_on_a_gpu_at_once(toy, api_url, prefect_home, client, tmp_path):
    _delete(client)
    toy.control("sleep", 1)
    toy.set("count: 4", "count: 2")
    other = type(toy)(tmp_path / "other")
    shutil.copytree(toy.root, other.root, symlinks=True)
    env = {"PREFECT_API_URL": api_url, "PREFECT_HOME": prefect_home, "TOY_GPU": "1", "TOY_WORKERS": "2"}
    try:
        runs = [
            project.start("python", "-m", "flows.reproduce", "--stage", "square", **env) for project in (toy, other)
        ]
        assert [run.wait(200) for run in runs] == [0, 0], toy.said() + other.said()
    finally:
        other.close()
    lines = [(project.root / "control/spans").read_text().splitlines() for project in (toy, other)]
    spans = sorted(tuple(map(float, line.split())) for of_one in lines for line in of_one)
    assert len(spans) == 4
    assert all(ended <= began for (_, ended), (began, _) in pairwise(spans))
    assert client.read_concurrency_limit_by_tag("gpu").concurrency_limit == 1
    _delete(client)


def test_a_flow_that_waits_for_the_gpu_ends_when_it_is_told_to(toy, api_url, prefect_home, client):
    _delete(client)
    client.create_concurrency_limit("gpu", 1)
    client.increment_concurrency_slots(names=["tag:gpu"], slots=1, mode="concurrency")
    env = {"PREFECT_API_URL": api_url, "PREFECT_HOME": prefect_home, "TOY_GPU": "1"}
    run = toy.start("python", "-m", "flows.reproduce", "--stage", "square", **env)
    toy.wait(lambda: "Beginning subflow run 'square'" in toy.said(), seconds=90)
    time.sleep(2)
    run.terminate()
    assert run.wait(30) == -signal.SIGTERM
    assert toy.worked() == []
    _delete(client)
    toy.wait(lambda: not toy.processes(), seconds=10)
    toy.repro()
    assert toy.is_clean()
