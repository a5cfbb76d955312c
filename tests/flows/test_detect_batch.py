"""Flow ``detect_batch`` as a person starts it: killed it ends where an undisturbed run ends, row for row."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import overfeat

pytestmark = pytest.mark.slow  # a flow takes 5 to 15 s

SMALL = runpy.run_path(str(Path(__file__).parents[1] / "pipelines/batches/small_project.py"))
TOY = runpy.run_path(str(Path(__file__).parents[1] / "pipelines/engine/toy_project.py"))
CLUSTER = runpy.run_path(str(Path(__file__).parents[1] / "pipelines/engine/dask_cluster.py"))["Cluster"]
KINDS = ("classifications", "localizations", "detections", "processed", "pictures")
PICTURES = 40


class Batches:
    """The small project at ``root`` with 40 pictures in ``inbox``, each a unit of its own."""

    def __init__(self, root, api_url, home):
        self.root = root
        self.env = TOY["environment"](PREFECT_API_URL=api_url, PREFECT_HOME=home, OMP_NUM_THREADS=1)
        self.env.pop("OVERFEAT_STAGES")
        self.started = []

    def start(self, *words, **env):
        words = (sys.executable, "-m", "flows.detect_batch", *(words or ("inbox",)), "--set", "infer.unit_images=1")
        process = subprocess.Popen(
            words, cwd=self.root, env=self.env | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.started.append(process)
        return process

    def run(self, *words, check=0, **env):
        process = self.start(*words, **env)
        said, _ = process.communicate(timeout=240)
        assert process.returncode == check, said
        return said

    def done(self):
        return len(list((self.root / ".work/detect_batch").glob("*/done/*")))

    def wait(self, units):
        """Wait until at least so many units are done."""
        end = time.monotonic() + 120
        while self.done() < units:
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.02)
        assert self.done() < PICTURES

    def children(self):
        """Return the ids of the pool's processes."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                here = entry.name.isdigit() and Path(os.readlink(entry / "cwd")).is_relative_to(self.root)
                if here and b"spawn_main" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def tables(self, out="data/batches"):
        """Return all rows of all runs by kind, without the run's name, in an order of their own."""
        found = {}
        for kind in KINDS:
            files = sorted((self.root / out).glob(f"[!.]*/{kind}/*.parquet"))
            frame = pd.concat([pd.read_parquet(file) for file in files]).drop(
                columns=["run", "modified_ns"], errors="ignore"
            )
            found[kind] = sorted(map(str, frame.to_dict("records")))
        return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, api_url, prefect_home):
    """Return a project in which the pictures were looked at, and its tables."""
    root = SMALL["make_project"](tmp_path_factory.mktemp("undisturbed") / "project")
    SMALL["make_pictures"](root / "inbox", range(PICTURES))
    project = Batches(root, api_url, prefect_home)
    said = project.run()
    assert f"worked: {PICTURES}" in said
    return project, project.tables()


@pytest.fixture
def project(undisturbed, tmp_path):
    """Return a copy of the project as it was before."""
    first, _ = undisturbed
    shutil.copytree(first.root, tmp_path / "project", ignore=shutil.ignore_patterns("batches", ".work"))
    project = Batches(tmp_path / "project", first.env["PREFECT_API_URL"], first.env["PREFECT_HOME"])
    yield project
    for process in project.started:
        process.kill()
        process.communicate()


def test_a_second_call_does_nothing_and_ten_new_pictures_are_ten_units(undisturbed, api_url):
    project, _ = undisturbed
    runs = sorted(path.name for path in (project.root / "data/batches").iterdir())
    assert f"known: {PICTURES}" in project.run()
    assert sorted(path.name for path in (project.root / "data/batches").iterdir()) == runs
    SMALL["make_pictures"](project.root / "more", range(PICTURES - 2, PICTURES + 10))
    said = project.run("more", "inbox")
    assert "worked: 10" in said
    assert len(overfeat.read_processed(project.root / "data/batches").image_id.unique()) == PICTURES + 10
    import httpx

    text = httpx.get(f"{api_url}/artifacts/batch/latest", timeout=30).json()["data"]
    assert "| worked | 10 |" in text


def test_a_killed_worker_changes_nothing(project, undisturbed):
    run = project.start()
    project.wait(3)
    killed = project.children()[0]
    os.kill(killed, signal.SIGKILL)
    said, _ = run.communicate(timeout=240)
    assert run.returncode == 0, said
    assert "was killed" in said  # and tried again
    assert project.tables() == undisturbed[1]


def test_a_killed_dask_worker_changes_nothing(project, undisturbed, tmp_path):
    cluster = CLUSTER(tmp_path)
    try:
        workers = [cluster.start_worker() for _ in range(2)]
        run = project.start("inbox", "--scheduler", cluster.address)
        project.wait(3)
        workers[0].kill()
        said, _ = run.communicate(timeout=240)
    finally:
        cluster.close()
    assert run.returncode == 0, said
    assert project.tables() == undisturbed[1]


def test_a_killed_flow_goes_on(project, undisturbed):
    run = project.start()
    project.wait(3)
    run.kill()
    run.wait()
    end = time.monotonic() + 15
    while project.children():
        assert time.monotonic() < end, "a worker outlives its flow"
        time.sleep(0.1)
    finished = project.done()
    assert finished < PICTURES
    stamps = {path: path.stat().st_mtime_ns for path in (project.root / ".work/detect_batch").glob("*/stamps/*")}
    (project.root / "inbox/late.png").write_bytes(SMALL["picture"](1000))  # so that it is another call
    said = project.run()
    assert f"worked: {PICTURES + 1 - len(stamps)}" in said
    tables, whole = project.tables(), undisturbed[1]
    for kind in KINDS:
        assert set(whole[kind]) <= set(tables[kind])
    assert len(tables["processed"]) == 2 * (PICTURES + 1)


def test_a_model_revision_is_fetched_and_named(project, make_committed):
    commit = make_committed(project.root)
    SMALL["make_checkpoints"](project.root / "data/checkpoints", 31)  # the working copy goes on
    assert "did you mean" not in project.run("inbox", "--model", "nosuch", check=2)
    said = project.run("inbox", "--model", "trained")
    run = said.split("run: ")[1].split()[0]
    facts = json.loads((project.root / f"data/batches/{run}/run.json").read_text())
    assert facts["revision"] == commit
    assert "known: 0" in project.run()  # the working copy's model is another
    models = overfeat.read_classifications(project.root / "data/batches").groupby("run", observed=True).model.nunique()
    assert models.tolist() == [1, 1]


@pytest.fixture
def make_committed(undisturbed):
    """Return a function that puts the checkpoints under DVC, commits, and tags the commit "trained"."""

    def function(root):
        identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
        env = undisturbed[0].env
        (root / ".dvc").mkdir()
        shutil.copy(Path(__file__).parents[2] / ".dvc/config", root / ".dvc/config")
        (root / ".gitignore").write_text(".work/\ninbox/\n")
        (root / ".dvcignore").write_text(".work/\n")
        (root / "dvc.yaml").write_text(
            "stages:\n  train_classifier:\n    cmd: 'true'\n    outs: [data/checkpoints/classifier, "
            "data/checkpoints/localizer, data/checkpoints/detector, data/checkpoints/calibration]\n"
        )
        for words in (
            ["git", "init", "-q"],
            ["dvc", "commit", "-q", "-f"],
            ["git", "add", "-A"],
            ["git", *identity, "commit", "-qm", "trained"],
            ["git", "tag", "trained"],
        ):
            subprocess.run(words, cwd=root, env=env, check=True, capture_output=True)
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return function
