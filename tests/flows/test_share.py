"""The DVC remote in a flow: what another checkout has made is not worked again; faults of the remote are retried."""

import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # a flow takes 5 to 15 s, the server 20 s once

FAULTY = """
import sys
from flows import infrastructure
infrastructure.FIRST_DELAY_SECONDS = 0.01
from flows import remote, reproduce
from flows.dvc_calls import RemoteUnreachableError
from pipelines.engine.errors import PipelineError

def failing(times):
    left = [times]
    def call(root, stages, report):
        left[0] -= 1
        if left[0] >= 0:
            raise RemoteUnreachableError("the DVC remote cannot be reached")
    return call

reproduce.has_remote = lambda root: True
remote.fetch, remote.push = (failing(int(word)) for word in sys.argv[1:])
if __name__ == "__main__":
    sys.exit(reproduce.main(["--stage", "square"]))
"""


def test_what_is_pushed_is_not_worked_again_in_another_checkout(toy, flow, seen, tmp_path):
    toy.run("dvc", "remote", "add", "-d", "there", str(tmp_path / "remote"))
    made = flow("--stage", "square")
    assert {"pull", "push"} <= set(_of_the_flow(seen, made))
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", *identity, "commit", "-qam", "made"], cwd=toy.root, check=True)
    subprocess.run(["git", "add", "-A"], cwd=toy.root, check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "recorded"], cwd=toy.root, check=True)
    outs, worked = toy.outs(), toy.worked()

    again = flow("--stage", "square")
    assert set(_of_the_flow(seen, again)) == {"push"}  # nothing stale: nothing to pull

    shutil.move(toy.root, tmp_path / "first")
    subprocess.run(["git", "clone", "-q", str(tmp_path / "first"), str(toy.root)], check=True)
    (toy.root / "control").mkdir()
    other = flow("--stage", "square")
    assert toy.worked() == []
    assert toy.outs() == outs
    assert len(worked) == 4
    assert "pull" in _of_the_flow(seen, other)


@pytest.mark.parametrize("never", ["fetch", "push"])
def test_a_remote_that_does_not_answer_is_tried_again_and_then_fails_the_flow(toy, seen, api_url, prefect_home, never):
    script = toy.root / "faulty.py"
    script.write_text(FAULTY)
    words = ("99", "0") if never == "fetch" else ("2", "99")
    done = toy.run(sys.executable, str(script), *words, check=1, PREFECT_API_URL=api_url, PREFECT_HOME=prefect_home)
    last = done.stderr.strip().splitlines()[-1]
    tasks = _of_the_flow(seen, done)
    if never == "fetch":
        assert tasks == {"pull": ("FAILED", 5)}
        assert toy.worked() == []
        assert last.startswith(
            "overfeat: reproduce: nothing is worked, since what others have made could not be pulled"
        )
    else:
        assert tasks["pull"] == ("COMPLETED", 3)
        toy.wait(lambda: _of_the_flow(seen, done).get("push") == ("FAILED", 5), seconds=20)  # told by then
        assert toy.run("dvc", "status", "--json", "square").stdout.strip() == "{}"
        assert last.startswith(
            "overfeat: reproduce: all stages are made and sealed, but were not pushed: the DVC remote"
        )
        assert "which only pushes" in seen.artifact("failure")["data"]


@pytest.mark.parametrize("never", ["fetch", "push"])
def test_a_remote_that_a_person_must_mend_fails_the_flow_at_once(toy, seen, api_url, prefect_home, never):
    script = toy.root / "faulty.py"
    unreachable = 'RemoteUnreachableError("the DVC remote cannot be reached")'
    script.write_text(FAULTY.replace(unreachable, 'PipelineError("the bucket of the DVC remote is not there")'))
    words = ("1", "0") if never == "fetch" else ("0", "1")
    done = toy.run(sys.executable, str(script), *words, check=2, PREFECT_API_URL=api_url, PREFECT_HOME=prefect_home)
    assert "the bucket of the DVC remote is not there" in done.stderr.strip().splitlines()[-1]
    assert len(toy.worked()) == (0 if never == "fetch" else 4)
    assert _of_the_flow(seen, done)["pull" if never == "fetch" else "push"] == ("FAILED", 1)


def _of_the_flow(seen, done):
    """Return the state of the flow's own tasks, and how often they were run, by name."""
    return seen.tasks(done.stderr.split("/runs/flow-run/")[1].split()[0])
