"""A DVC remote in a bucket: what one machine has made another restores, and what goes wrong is told apart.

A call of DVC takes 1 to 3 s.
"""

import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from flows.dvc_calls import DvcBusyError, RemoteUnreachableError, fetch, has_remote, push
from overfeat.errors import OverFeatError
from overfeat.places import Place

REPOSITORY = Path(__file__).parents[2]
TOY_PROJECT = runpy.run_path(str(REPOSITORY / "tests/pipelines/engine/toy_project.py"))
STAGES = ["square", "total"]
FULL = "No space left on device"
ALL = ["total", "u00", "u01", "u02", "u03"]


@pytest.fixture(scope="module")
def made(toy_template, tmp_path_factory):
    """Return the folder of the toy project, made and committed."""
    root = tmp_path_factory.mktemp("made") / "toy"
    shutil.copytree(toy_template, root, symlinks=True)
    toy = TOY_PROJECT["ToyProject"](root)
    toy.repro()
    commit(toy)
    return root


@pytest.fixture
def shared(made, bucket, tmp_path, monkeypatch):
    """Return a copy of it with a remote."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("OVERFEAT_STAGES", "toystages")
    shutil.copytree(made, tmp_path / "toy", symlinks=True)
    toy = TOY_PROJECT["ToyProject"](tmp_path / "toy")
    point_to(toy, f"s3://{bucket}/dvc")
    commit(toy)
    yield toy
    toy.close()


def point_to(toy, url, default="store"):
    """Configure the remote, as `dvc remote add -d store URL` does in 1 s."""
    text = f"[core]\n    analytics = false\n    remote = {default}\n['remote \"store\"']\n    url = {url}\n"
    (toy.root / ".dvc/config").write_text(text)


def commit(toy):
    toy.run("git", "add", ".")
    toy.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "made")


def clone(toy, name):
    """Return what another machine has: what is in git, and no cache."""
    root = toy.root.parent / name
    subprocess.run(["git", "clone", "-q", str(toy.root), str(root)], check=True)
    return type(toy)(root)


def say_nothing(_line):
    pass


@pytest.mark.slow
def test_what_one_machine_has_made_another_restores(shared):
    first = shared.outs()
    push(shared.root, STAGES, say_nothing)
    shared.set("factor: 1.0", "factor: 2.0")
    shared.repro()
    push(shared.root, STAGES, say_nothing)
    commit(shared)

    other = clone(shared, "other")
    fetch(other.root, STAGES, say_nothing)
    other.repro()
    assert other.worked() == []
    assert other.is_clean()
    assert other.outs() == shared.outs()

    other.set("factor: 2.0", "factor: 1.0")  # in no dvc.lock there: from the run cache alone
    fetch(other.root, STAGES, say_nothing)
    other.repro()
    assert other.worked() == ["total"]  # its metrics file is in git, and so not on the remote
    assert other.is_clean()
    assert other.outs() == first


@pytest.mark.slow
def test_what_the_remote_has_not_is_worked(shared, bucket):
    other = clone(shared, "other")
    fetch(other.root, STAGES, say_nothing)  # nothing was pushed
    assert other.worked() == []
    push(shared.root, STAGES, say_nothing)
    objects = Place.of(f"s3://{bucket}/dvc/files/md5")
    for file in list(objects.files("*/*")):
        if not file.place.name.endswith(".dir"):  # as when a push was killed, or somebody has cleaned up
            system, path = file.place.arrow()
            system.delete_file(path)
    fetch(other.root, STAGES, say_nothing)
    assert other.worked() == []
    other.repro()
    assert sorted(other.worked()) == ALL
    assert other.is_clean()


@pytest.mark.slow
@pytest.mark.parametrize("call", [fetch, push])
def test_faults_of_the_remote_are_told_apart(shared, bucket, s3_keys, s3_down, call):
    shutil.rmtree(shared.root / "data/square")
    shutil.rmtree(
        shared.root / ".dvc/cache/files/md5"
    ) if call is fetch else None  # so that there is something to fetch
    point_to(shared, "s3://no-such-bucket/dvc")
    with pytest.raises(OverFeatError, match="the bucket of the DVC remote is not there: make it"):
        call(shared.root, STAGES, say_nothing)
    point_to(shared, f"s3://{bucket}/dvc")
    s3_keys(False)
    with pytest.raises(OverFeatError, match="the DVC remote refuses these credentials"):
        call(shared.root, STAGES, say_nothing)
    s3_keys(True)
    s3_down()
    with pytest.raises(RemoteUnreachableError, match=r"cannot be reached \(.*127\.0\.0\.1.*\): look at the network"):
        call(shared.root, STAGES, say_nothing)
    point_to(shared, f"s3://{bucket}/dvc", default="stroe")
    with pytest.raises(OverFeatError, match=r"cannot be used: .*'stroe' doesn't exist"):
        call(shared.root, STAGES, say_nothing)


@pytest.mark.slow
def test_pushed_wiped_and_pulled_by_hand(shared):
    assert has_remote(shared.root)
    made = shared.outs()
    shared.run("dvc", "push")
    shutil.rmtree(shared.root / ".dvc/cache")
    shutil.rmtree(shared.root / "data")
    assert not shared.is_clean()
    shared.run("dvc", "pull")
    assert shared.is_clean()
    assert shared.outs() == made
    (shared.root / ".dvc/config").write_text("[core]\n    analytics = false\n")
    assert not has_remote(shared.root)


@pytest.mark.parametrize(
    ("said", "error", "sentence"),
    [
        ("ERROR: unexpected error - s3 is supported, but requires 'dvc-s3' to be installed", OverFeatError, "'dvc-s3'"),
        ("ERROR: unexpected error - The config profile (nobody) could not be found", OverFeatError, "config profile"),
        ("ERROR: unexpected error - Unable to locate credentials", OverFeatError, "Unable to locate credentials"),
        ("ERROR: failed to connect to s3 (b/files) - Forbidden: (403) when calling", OverFeatError, "refuses"),
        (
            "ERROR: unexpected error - [Errno 16] Service Unavailable: (503)",
            RemoteUnreachableError,
            "Service Unavailable",
        ),
        (
            "ERROR: failed to connect to s3 (b/files) - Could not connect",
            RemoteUnreachableError,
            r"\(Could not connect\)",
        ),
        (f"ERROR: failed to transfer 'a' - {FULL}\nERROR: 1 files failed to download", RuntimeError, FULL),
        ("ERROR: 'data/x' is busy, it is being blocked by:\n  (PID 7): dvc push", DvcBusyError, "PID 7"),
    ],
)
def test_what_dvc_says_of_a_remote(monkeypatch, tmp_path, said, error, sentence):
    """Each text was seen, or is one that was seen with another number."""
    monkeypatch.setattr("flows.dvc_calls._call", lambda *_arguments: (1, said.splitlines()))
    for call in (fetch, push):
        with pytest.raises(error, match=sentence):
            call(tmp_path, STAGES, say_nothing)


def test_texts_of_a_stage_are_not_those_of_the_remote(monkeypatch, tmp_path):
    lines = ["overfeat: square: Connection refused", "ERROR: failed to reproduce 'square': ..., exited with 75"]
    monkeypatch.setattr("flows.dvc_calls._call", lambda *_arguments: (255, lines))
    fetch(tmp_path, STAGES, say_nothing)
