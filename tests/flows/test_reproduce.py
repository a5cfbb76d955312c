"""Flow ``reproduce`` on the toy project: started as a person would, seen through Prefect's API."""

import os
import signal
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # a flow takes 5 to 15 s, the server 20 s once

COMMAND = ("python", "-m", "flows.reproduce")
WORKED = ["total", "u00", "u01", "u02", "u03"]


def test_flow_and_dvc_do_not_undo_each_other(toy, flow, seen):
    done = flow()
    assert sorted(toy.worked()) == WORKED
    assert toy.is_clean()
    assert "history" not in done.stderr
    runs = seen.runs(done.stderr)
    assert set(runs) == {"square", "total"}
    assert set(runs["square"].tasks) == {"u00", "u01", "u02", "u03", "seal"}
    assert set(runs["total"].tasks) == {"all", "seal"}
    assert {state for run in runs.values() for state in run.tasks.values()} == {("COMPLETED", 1)}
    assert {run.state for run in runs.values()} == {"COMPLETED"}
    assert '"all.sum"' in seen.artifact("metrics")["data"]
    assert not list((toy.root / ".work").glob("*/*/done"))  # recorded, so no longer needed

    toy.repro()
    assert "nothing to do: square, total as recorded" in flow().stderr
    assert len(toy.worked()) == 5

    first = toy.outs()
    toy.set("factor: 1.0", "factor: 2.0")
    toy.repro()
    assert len(toy.worked()) == 10
    toy.set("factor: 2.0", "factor: 1.0")
    runs = seen.runs(flow().stderr)  # from DVC's run cache
    assert {name: run.tasks for name, run in runs.items()} == {"square": {}, "total": {}}
    assert len(toy.worked()) == 10
    assert toy.outs() == first
    toy.set("top: 2", "top: 3")
    assert set(seen.runs(flow().stderr)) == {"total"}  # `square` is as it was


def test_a_single_stage_with_a_profile_and_a_setting_whose_worker_is_killed_once(toy, flow, seen):
    toy.control("kill-u05")
    done = flow("--stage", "square", "--profile", "large", "--set", "square.factor=2.0")
    assert set(toy.worked()) == {"u00", "u01", "u02", "u03", "u04", "u05"}
    assert (toy.root / "data/square/u05.txt").read_text() == "128.0\n"
    assert "factor: 2.0" in (toy.root / "params.yaml").read_text()
    assert toy.worked().count("u05") == 2
    assert seen.runs(done.stderr)["square"].tasks["u05"] == ("COMPLETED", 2)
    assert not toy.is_clean()  # `total` was not asked for


def test_a_persons_error_is_a_sentence_that_is_not_retried(toy, flow, seen):
    toy.control("fail-u01")
    done = flow(check=2)
    assert done.stderr.splitlines()[-1] == "overfeat: reproduce: picture u01.jpg is broken; mend it"
    assert "Traceback" not in done.stderr
    assert toy.worked().count("u01") == 1
    runs = seen.runs(done.stderr)
    assert runs["square"].tasks["u01"] == ("FAILED", 1)
    assert runs["square"].state == "FAILED"
    assert "seal" not in runs["square"].tasks
    assert "total" not in runs
    failed = seen.artifact("failure")["data"]
    assert "# Stage square failed" in failed
    assert "picture u01.jpg is broken; mend it." in failed
    assert "Mend what the sentence names" in failed
    assert "Traceback" not in failed
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


@pytest.mark.parametrize(("killed", "whose"), [("-m dvc", "DVC"), ("-m pipelines", "the process of stage square")])
def test_a_dvc_or_a_stage_that_is_killed_is_told_and_the_next_run_goes_on(
    toy, flow, api_url, prefect_home, killed, whose
):
    toy.control("sleep", 1)
    run = toy.start(*COMMAND, "--stage", "square", PREFECT_API_URL=api_url, PREFECT_HOME=prefect_home)
    toy.wait(lambda: toy.done() >= 1, seconds=90)
    os.kill(next(pid for pid, line in toy.processes().items() if killed in line), signal.SIGKILL)
    assert run.wait(60) == 1, toy.said()
    last = f"overfeat: reproduce: {whose} was ended by signal 9; run it again, it goes on from what is done"
    assert toy.said().splitlines()[-1] == last
    toy.wait(lambda: not toy.processes(), seconds=10)
    toy.release("sleep")
    flow("--stage", "square")
    assert sorted(toy.worked()) == ["u00", "u01", "u02", "u03"]


def test_settings_edited_while_units_are_worked_fail_the_flow(toy, api_url, prefect_home):
    toy.control("sleep", 1)
    run = toy.start(*COMMAND, "--stage", "square", PREFECT_API_URL=api_url, PREFECT_HOME=prefect_home)
    toy.wait(toy.worked)
    toy.set("factor: 1.0", "factor: 2.0")
    assert run.wait(60) == 2, toy.said()
    assert "square changed while the stage ran, so nothing is recorded" in toy.said()
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
