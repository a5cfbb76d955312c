"""One call of DVC followed from stage to stage: a script speaks in DVC's place, and hands over as stages do."""

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from flows import dvc_repro as module
from flows.dvc_calls import DvcBusyError
from flows.dvc_repro import Reached, dvc_repro
from overfeat.errors import OverFeatError
from pipelines.engine.errors import WorkerKilledError
from pipelines.engine.plan import Plan
from pipelines.engine.stage import Unit

PLAN = Plan("square", "key", {}, {}, 1, 1, (Unit("all"),))
FAILED = "ERROR: failed to reproduce '{0}': failed to run: python -m pipelines {0}, exited with {1}"
DVC = """
import os, sys, time
from pipelines.engine.handover import HAND_OVER, hand_over

def stage(name):
    print(f"Running stage '{name}':", flush=True)
    if not hand_over(os.environ[HAND_OVER], name):
        sys.exit("nobody works it")

def say(text):
    print(text, flush=True)

"""


@pytest.fixture
def dvc(tmp_path: Path, monkeypatch):
    """Return a function that opens a call of DVC, whose part a script plays."""
    for name in ("square", "total"):
        folder = tmp_path / ".work" / name
        folder.mkdir(parents=True)
        (folder / "missing.json").write_text(replace(PLAN, stage=name).dumps())
    heard: list[str] = []

    @contextmanager
    def opened(script: str):
        def started(root, words, **environment):
            env = {**os.environ, **environment, "PYTHONPATH": os.getcwd()}
            command = [sys.executable, "-c", DVC + script]
            return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

        monkeypatch.setattr(module, "started", started)
        with dvc_repro(tmp_path, ["square", "total"], heard.append) as run:
            yield run

    opened.heard = heard
    return opened


def test_it_goes_from_stage_to_stage_and_to_the_end(dvc):
    script = """
say("Stage 'sample' didn't change, skipping")
say("Stage 'manifest' is cached - skipping run, checking out outputs")
stage("square")
say("overfeat: square: sealed\\nUpdating lock file 'dvc.lock'\\n")
stage("total")
say("overfeat: total: sealed")
"""
    with dvc(script) as run:
        assert run.go_on() == Reached("square", PLAN)
        assert run.passed == {"sample": "unchanged", "manifest": "restored from DVC's cache", "square": "sealed"}
        assert "overfeat: square: sealed" not in dvc.heard
        assert run.go_on() == Reached("total", replace(PLAN, stage="total"))
        assert "overfeat: square: sealed" in dvc.heard
        assert run.go_on() == Reached()
    assert dvc.heard[-1] == "overfeat: total: sealed"
    assert "" not in dvc.heard


@pytest.mark.parametrize(
    ("said", "stage", "kind", "sentence"),
    [
        (f"overfeat: total: no factor\n{FAILED.format('total', 2)}", "total", OverFeatError, "^total: no factor$"),
        (FAILED.format("total", -9), "total", WorkerKilledError, "of stage total was ended by signal 9; run it again"),
        (FAILED.format("total", 1), "total", RuntimeError, "dvc repro square total` failed with exit code 255"),
        ("ERROR: 'data' is busy, it is being blocked by:\n  (PID 7): dvc push", None, DvcBusyError, "PID 7"),
        ("ERROR: Unable to acquire lock.", None, DvcBusyError, "wait for it"),
        ("ERROR: unexpected error", None, RuntimeError, "unexpected error"),
    ],
)
def test_what_it_fails_with_and_at_which_stage(dvc, said, stage, kind, sentence):
    with dvc(f"stage('square')\nsay({said!r})\nsys.exit(255)") as run:
        assert run.go_on().plan == PLAN
        reached = run.go_on()
    assert (reached.stage, reached.plan) == (stage, None)
    with pytest.raises(kind, match=sentence):
        raise reached.error


def test_dvc_itself_is_killed(dvc):
    with dvc("os.kill(os.getpid(), 9)") as run:
        reached = run.go_on()
    assert reached.stage is None
    assert str(reached.error) == "DVC was ended by signal 9; run it again, it goes on from what is done"


def test_a_stage_that_is_killed_before_it_says_who_it_is(dvc):
    failed = FAILED.format("square", -9)
    script = f"""
import socket
with socket.socket(socket.AF_UNIX) as caller:
    caller.connect(os.environ[HAND_OVER])
say({failed!r})
sys.exit(255)
"""
    with dvc(script) as run:
        reached = run.go_on()
    assert reached.stage == "square"
    assert "the process of stage square was ended by signal 9" in str(reached.error)


def test_a_stage_that_waits_gives_up_with_the_block(dvc):
    with dvc("stage('square')") as run:
        assert run.go_on().stage == "square"
    assert run._process.poll() == 1  # and nothing hangs


def test_who_does_not_give_up_is_ended(dvc, monkeypatch):
    monkeypatch.setattr(module, "_END_SECONDS", 0.2)
    with dvc("stage('square')\ntime.sleep(60)") as run:
        assert run.go_on().stage == "square"
        module.say_worked(run._waiting)
    assert run._process.poll() == -15


def test_words_cut_anywhere_and_much_of_them(dvc):
    script = """
for number in range(20000):
    sys.stdout.write(f"line {number}")
    sys.stdout.flush() if number % 1000 == 0 else None
    sys.stdout.write(" of gr\\u00f6\\u00dfe\\n")
sys.stdout.write("no end")
"""
    with dvc(f"sys.stdout.reconfigure(encoding='utf-8')\n{script}") as run:
        assert run.go_on() == Reached()
    assert dvc.heard[:-1] == [f"line {number} of größe" for number in range(20000)]
    assert dvc.heard[-1] == "no end"
