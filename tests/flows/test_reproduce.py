"""Flow ``reproduce`` on the toy project: started as a person would, seen through Prefect's API."""

import os
import signal
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # a flow takes 5 to 15 s, the server 20 s once

COMMAND = ("python", "-m", "flows.reproduce")
WORKED = ["total", "u00", "u01", "u02", "u03"]


@pytest.fixture
def flow(toy, api_url, prefect_home):
    """Return a function that runs the flow by its command line."""

    def run(*words, check=0, **env):
        return toy.run(*COMMAND, *words, check=check, PREFECT_API_URL=api_url, PREFECT_HOME=prefect_home, **env)

    return run


def _task_runs(api_url, text):
    """Return (name of the task, name of the run, its state, times run) of the flow run that ``text`` names."""
    import httpx

    run_id = text.split("/runs/flow-run/")[1].split()[0]
    body = {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "EXPECTED_START_TIME_ASC"}
    runs = httpx.post(f"{api_url}/task_runs/filter", json=body, timeout=30).json()
    return {run["name"]: (run["state"]["type"], run["run_count"]) for run in runs}


def _artifact(api_url, key):
    import httpx

    return httpx.get(f"{api_url}/artifacts/{key}/latest", timeout=30).json()["data"]


def test_flow_and_dvc_do_not_undo_each_other(toy, flow, api_url):
    done = flow()
    assert sorted(toy.worked()) == WORKED
    assert toy.is_clean()
    assert "history" not in done.stderr
    runs = _task_runs(api_url, done.stderr)
    assert set(runs) == {"square", "total", "u00", "u01", "u02", "u03", "all"}
    assert set(runs.values()) == {("COMPLETED", 1)}
    assert '"all.sum"' in _artifact(api_url, "metrics")
    assert not list((toy.root / ".work").glob("*/*/done"))  # recorded, so no longer needed

    toy.repro()
    assert "nothing to do: square, total as recorded" in flow().stderr
    assert len(toy.worked()) == 5

    first = toy.outs()
    toy.set("factor: 1.0", "factor: 2.0")
    toy.repro()
    assert len(toy.worked()) == 10
    toy.set("factor: 2.0", "factor: 1.0")
    flow()  # from DVC's run cache
    assert len(toy.worked()) == 10
    assert toy.outs() == first


def test_a_single_stage_with_a_profile_and_a_setting_whose_worker_is_killed_once(toy, flow, api_url):
    toy.control("kill-u05")
    done = flow("--stage", "square", "--profile", "large", "--set", "square.factor=2.0")
    assert set(toy.worked()) == {"u00", "u01", "u02", "u03", "u04", "u05"}
    assert (toy.root / "data/square/u05.txt").read_text() == "128.0\n"
    assert "factor: 2.0" in (toy.root / "params.yaml").read_text()
    assert toy.worked().count("u05") == 2
    assert _task_runs(api_url, done.stderr)["u05"] == ("COMPLETED", 2)
    assert not toy.is_clean()  # `total` was not asked for


def test_a_persons_error_is_a_sentence_that_is_not_retried(toy, flow, api_url):
    toy.control("fail-u01")
    done = flow(check=2)
    assert done.stderr.splitlines()[-1] == "overfeat: reproduce: picture u01.jpg is broken; mend it"
    assert "Traceback" not in done.stderr
    assert toy.worked().count("u01") == 1
    runs = _task_runs(api_url, done.stderr)
    assert runs["u01"] == ("FAILED", 1)
    assert runs["square"] == ("FAILED", 1)
    assert "total" not in runs
    assert "did you mean 'square'" in flow("--stage", "sqare", check=2).stderr


def test_a_killed_flow_leaves_no_worker_and_no_server_and_dvc_goes_on(toy, tmp_path):
    toy.control("sleep", 3)
    run = toy.start(*COMMAND, PREFECT_HOME=tmp_path / "home")
    toy.wait(lambda: toy.done() >= 1 and len(toy.worked()) > toy.done(), seconds=90)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    toy.wait(lambda: not toy.processes(), seconds=15)
    finished = {path.name for path in (toy.root / ".work/square").glob("*/done/*")}
    toy.release("sleep")
    toy.repro()
    assert toy.is_clean()
    assert finished
    assert all(toy.worked().count(name) == 1 for name in finished)


def test_settings_edited_while_units_are_worked_fail_the_flow(toy, api_url, prefect_home):
    toy.control("sleep", 1)
    run = toy.start(*COMMAND, "--stage", "square", PREFECT_API_URL=api_url, PREFECT_HOME=prefect_home)
    toy.wait(toy.worked)
    toy.set("factor: 1.0", "factor: 2.0")
    assert run.wait(60) == 2
    assert "inputs or code of square changed while it was worked, so nothing is recorded" in toy.said()
    assert not (toy.root / "dvc.lock").exists()


def test_two_flows_at_once_work_nothing_twice(toy, api_url, prefect_home):
    toy.control("sleep", 1)
    runs = [toy.start(*COMMAND, PREFECT_API_URL=api_url, PREFECT_HOME=prefect_home) for _ in range(2)]
    assert [run.wait(120) for run in runs] == [0, 0]
    assert sorted(toy.worked()) == WORKED
    assert toy.is_clean()


def test_without_a_server_it_works_from_python_and_says_what_is_lost(toy, tmp_path):
    env = {"PREFECT_HOME": tmp_path / "home", "PATH": "/usr/bin:/bin"}  # nobody activated an environment
    script = toy.root / "script.py"  # no `if __name__ == "__main__"`: workers must not run it again
    script.write_text("from flows.reproduce import reproduce\nprint(reproduce(stages=['square']))\n")
    import sys

    done = toy.run(sys.executable, str(script), **env)
    assert done.stdout.strip() == "{'square': '4 units worked'}"
    assert "no PREFECT_API_URL" in done.stderr
    assert toy.processes() == {}
    again = toy.run(sys.executable, "-m", "flows.reproduce", "--stage", "square", **env)
    assert "nothing to do" in again.stderr
    assert "temporary server" not in again.stderr
    assert sorted(toy.worked()) == ["u00", "u01", "u02", "u03"]
    assert Path(tmp_path / "home").exists()
