"""The toy project driven by ``dvc repro``: DVC starts, kills, records and restores; nothing is worked twice."""

import os
import signal

import pytest

pytestmark = pytest.mark.slow  # every call of DVC takes 2 to 4 s

WORKED = ["total", "u00", "u01", "u02", "u03"]


@pytest.fixture(scope="module")
def undisturbed(toy_template, tmp_path_factory):
    """Return the outs of a run that nobody disturbed."""
    import runpy
    import shutil
    from pathlib import Path

    root = tmp_path_factory.mktemp("undisturbed") / "toy"
    shutil.copytree(toy_template, root, symlinks=True)
    toy = runpy.run_path(str(Path(__file__).parent / "toy_project.py"))["ToyProject"](root)
    toy.repro()
    return toy.outs()


def test_unchanged_changed_and_old_settings(toy, undisturbed):
    toy.repro()
    assert toy.outs() == undisturbed
    assert sorted(toy.worked()) == WORKED
    assert toy.is_clean()
    toy.repro()
    assert len(toy.worked()) == 5

    toy.set("count: 4", "count: 2")
    toy.repro()
    assert sorted(toy.worked()[5:]) == ["total", "u00", "u01"]  # two workers: whichever ends first
    assert not (toy.root / "data/square/u02.txt").exists()

    toy.set("count: 2", "count: 4")
    toy.repro()  # from the run cache
    assert len(toy.worked()) == 8
    assert toy.outs() == undisturbed
    assert toy.is_clean()

    toy.set("top: 2", "top: 1")
    toy.repro()
    assert toy.worked()[8:] == ["total"]


def test_a_profile_goes_through_dvc_exp_run(toy):
    toy.run("dvc", "exp", "run", "-S", "profile=large")
    assert "count: 6" in (toy.root / "params.yaml").read_text()
    assert len(toy.worked()) == 7
    composed = (toy.root / "params.yaml").read_text()
    assert "so already" in toy.run("python", "-m", "pipelines", "configure", "profile=large").stderr
    assert (toy.root / "params.yaml").read_text() == composed
    assert toy.is_clean()


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_a_killed_dvc_leaves_no_process_and_the_next_one_goes_on(toy, undisturbed, shell):
    toy.control("sleep", 2)
    run = toy.start("dvc", "repro", SHELL=shell)
    toy.wait(lambda: toy.done() >= 1 and len(toy.worked()) > toy.done())
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    toy.wait(lambda: not toy.processes(), seconds=5)
    finished = {path.name for path in (toy.root / ".work/square").glob("*/done/*")}
    assert 1 <= len(finished) < 4
    toy.release("sleep")
    toy.repro()
    assert toy.outs() == undisturbed
    assert all(toy.worked().count(name) == 1 for name in finished)
    assert toy.is_clean()


def test_a_dvc_killed_between_the_last_unit_and_the_seal(toy, undisturbed):
    toy.control("slow-finish")
    run = toy.start("dvc", "repro")
    toy.wait((toy.root / "finishing").exists)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    toy.wait(lambda: not toy.processes(), seconds=5)
    toy.release("slow-finish")
    toy.repro()
    assert sorted(toy.worked()) == WORKED
    assert toy.outs() == undisturbed


def test_settings_edited_in_mid_run_are_not_recorded(toy):
    toy.control("sleep", 0.5)
    run = toy.start("dvc", "repro", TOY_WORKERS=1)
    toy.wait(toy.worked)
    toy.set("factor: 1.0", "factor: 2.0")
    assert run.wait(60) != 0
    assert "overfeat: square: param square changed while the stage ran" in toy.said()
    assert not (toy.root / "dvc.lock").exists()
    toy.release("sleep")
    toy.repro()
    assert (toy.root / "data/square/u00.txt").read_text() == "18.0\n"


def test_two_at_once_one_works_and_one_is_told(toy, undisturbed):
    toy.control("sleep", 1.5)
    first = toy.start("dvc", "repro")
    toy.wait(toy.worked)
    second = toy.run("dvc", "repro", check=255)
    assert "is busy" in second.stderr
    assert first.wait(60) == 0
    assert sorted(toy.worked()) == WORKED
    assert toy.outs() == undisturbed


def test_a_persons_error_through_dvc_is_one_sentence(toy):
    toy.control("fail-u01")
    done = toy.repro(check=255)
    assert "overfeat: square: picture u01.jpg is broken; mend it" in done.stderr
    assert "exited with 2" in done.stderr
    assert "Traceback" not in done.stderr
    assert toy.worked().count("u01") == 1
