"""What a flow says when it ends badly, and that it can go on after it was killed or cancelled under a runner."""

import importlib
import os
import signal
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # a flow takes 5 to 15 s, the server 20 s once

SERVE = """
from flows.reproduce import reproduce
if __name__ == "__main__":
    reproduce.serve(name="toy", pause_on_shutdown=False)
"""


@pytest.fixture
def failure(prefect_home):
    importlib.import_module("flows")  # sets what Prefect reads when it is imported
    return importlib.import_module("flows.failure")


def test_a_bug_is_to_be_reported_with_its_traceback(toy, flow, seen):
    toy.control("bug-u01")
    done = flow("--stage", "square", check=1)
    failed = seen.artifact("failure")
    assert failed["flow_run_id"] == done.stderr.split("/runs/flow-run/")[1].split()[0]
    assert "# Stage square failed" in failed["data"]
    assert "This is a bug: report it" in failed["data"]
    assert "ZeroDivisionError: a bug" in failed["data"]
    assert "units of stage square are kept" in failed["data"]


def test_cancelled_and_killed_under_a_runner_it_is_explained_and_goes_on(toy, api_url, prefect_home, seen):
    script = toy.root / "serving.py"
    script.write_text(SERVE)
    toy.control("sleep", 2)
    toy.set("count: 4", "count: 8")
    runner = toy.start("python", str(script), PREFECT_API_URL=api_url, PREFECT_HOME=prefect_home)
    toy.wait(lambda: "reproduce/toy" in toy.said(), seconds=90)
    before = set(toy.processes())
    deployment = seen.get("deployments/name/reproduce/toy")["id"]

    run = _begin(toy, seen, deployment, done=1)
    seen.post(f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    toy.wait(lambda: seen.get(f"flow_runs/{run}")["state"]["type"] == "CANCELLED", seconds=60)
    assert seen.stages(run)["square"].state == "CANCELLED"
    toy.wait(lambda: not _others(toy, before), seconds=15)
    kept = toy.done()
    failed = seen.artifact("failure")
    assert failed["flow_run_id"] == run
    assert f"Run it again: it goes on from what is done. {kept} units of stage square are kept." in failed["data"]

    run = _begin(toy, seen, deployment, done=kept + 1)
    flow_process = next(pid for pid in _others(toy, before) if _parent(pid) == runner.pid)
    os.kill(flow_process, signal.SIGKILL)
    toy.wait(lambda: seen.get(f"flow_runs/{run}")["state"]["type"] == "CRASHED", seconds=60)
    toy.wait(lambda: seen.artifact("failure")["flow_run_id"] == run, seconds=30)
    assert "# Stage square crashed" in seen.artifact("failure")["data"]
    toy.wait(lambda: seen.stages(run)["square"].state == "CRASHED", seconds=10)
    toy.wait(lambda: not _others(toy, before), seconds=15)

    finished = {path.name for path in (toy.root / ".work/square").glob("*/done/*")}
    assert len(finished) > kept
    worked = toy.worked()  # those that were interrupted more than once
    runner.send_signal(signal.SIGINT)
    runner.wait(60)
    toy.release("sleep")
    toy.repro()
    assert toy.is_clean()
    assert all(toy.worked().count(name) == worked.count(name) for name in finished)


def _others(toy, before):
    """Return the processes that have come since, but for the one that every Python with children of its own has."""
    found = toy.processes().items()
    return {pid: said for pid, said in found if pid not in before and "resource_tracker" not in said}


def _parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _begin(toy, seen, deployment, done):
    """Start a run of the deployment and wait until so many units are done and another is at work."""
    run = seen.post(f"deployments/{deployment}/create_flow_run", parameters={"share": False})["id"]
    toy.wait(lambda: toy.done() >= done and any((toy.root / ".work/square").glob("*/partial/*/begun")), seconds=120)
    return run


def test_what_is_said_fits_what_happened(failure):
    from prefect.states import Cancelling, Crashed, Failed

    from overfeat.errors import SettingsError
    from pipelines.engine.errors import WorkerKilledError

    line, text = failure.describe(Failed(data=SettingsError("top_k is 0; set 1 or more")), None, None)
    assert line.startswith("the flow, at no stage, failed: top_k is 0; set 1 or more. Mend what")
    line, _ = failure.describe(Failed(data=WorkerKilledError("killed")), "infer", 3)
    again = "Run it again: it goes on from what is done."
    assert line == f"stage infer failed: killed. {again} 3 units of stage infer are kept."
    line, _ = failure.describe(Cancelling(message="by a person"), "infer", None)
    assert line == f"stage infer cancelled: by a person. {again}"
    assert "If it crashes again" in failure.describe(Crashed(message="killed"), "infer", 2)[0]
    line, text = failure.describe(Failed(data=KeyError("width")), "infer", 2)
    assert "This is a bug: report it" in line
    assert "KeyError: 'width'" in text
