"""Revisions of a model: what is not there, and how many stay at hand. Fetching one is tested with ``detect_batch``."""

import os
import subprocess

import pytest

from flows.revisions import find_revision
from overfeat.errors import CheckpointError


@pytest.fixture
def commits(tmp_path):
    """Return six commits of a repository at ``tmp_path``, each with settings of its own; the last has none."""

    def git(*words):
        words = ("git", "-C", tmp_path, "-c", "user.name=t", "-c", "user.email=t@t", *words)
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    made = []
    for number in range(6):
        (tmp_path / "params.yaml").write_text(f"seed: {number}\n" if number < 5 else "")
        git("add", "params.yaml")
        git("commit", "-qm", str(number))
        made.append(git("rev-parse", "HEAD"))
    return made


def test_those_used_last_stay_at_hand(tmp_path, commits):
    folder = tmp_path / ".work/revisions"
    for age, commit in enumerate(reversed(commits)):  # the first commit was used longest ago
        (folder / commit).mkdir(parents=True)
        (folder / commit / "last.pt").touch()
        os.utime(folder / commit, (1e9 - age, 1e9 - age))
    revision = find_revision(tmp_path, commits[0][:10])
    assert (revision.commit, revision.params) == (commits[0], {"seed": 0})
    assert {path.name for path in folder.iterdir()} == {commits[0], *commits[3:]}
    assert revision.checkpoints == folder / commits[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [("nosuch", "no git revision 'nosuch'"), ("--all", "no git revision '--all'"), ("HEAD", "has no params.yaml")],
)
def test_what_is_no_revision_of_a_model_is_a_sentence(tmp_path, commits, name, said):
    with pytest.raises(CheckpointError, match=said):
        find_revision(tmp_path, name)


@pytest.mark.slow
def test_a_revision_without_checkpoints_says_where_they_should_be(tmp_path, commits):
    with pytest.raises(CheckpointError, match=r"committed dvc\.lock, and in DVC's cache or remote"):
        find_revision(tmp_path, commits[0])
    assert not list((tmp_path / ".work").rglob(commits[0]))
