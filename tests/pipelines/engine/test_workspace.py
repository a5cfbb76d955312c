import multiprocessing
import os

import pytest

from pipelines.engine.locks import flocked, stage_lock
from pipelines.engine.plan import Plan
from pipelines.engine.stage import Unit
from pipelines.engine.workspace import Workspace, drop_sealed

UNITS = (Unit("a", {"n": [1, 2]}), Unit("b"))


def _plan(units=UNITS):
    return Plan("s", "key", {"param s": "1"}, {"s": {"x": 1}}, 2, 1, tuple(units))


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path, "s", "key")
    workspace.start(_plan())
    return workspace


def _work(workspace, unit, text="made"):
    (workspace.open_partial(unit, resumable=False) / "file").write_text(text)
    workspace.commit(unit)


def test_a_plan_survives_its_file(workspace):
    assert workspace.read_plan() == _plan()
    assert workspace.read_plan().only([UNITS[1]]).units == (UNITS[1],)


def test_a_unit_is_missing_until_it_is_committed(workspace):
    folder = workspace.open_partial(UNITS[0], resumable=False)
    (folder / "file").write_text("made")
    assert workspace.missing(_plan()) == list(UNITS)
    workspace.commit(UNITS[0])
    assert workspace.missing(_plan()) == [UNITS[1]]
    assert not folder.exists()
    assert (workspace.done(UNITS[0]) / "file").read_text() == "made"


def test_a_unit_edited_through_its_sealed_out_is_missing_and_can_be_worked_again(workspace, tmp_path):
    _work(workspace, UNITS[0])
    (tmp_path / "sealed.txt").hardlink_to(workspace.done(UNITS[0]) / "file")
    with (tmp_path / "sealed.txt").open("a") as out:
        out.write("!")
    assert UNITS[0] in workspace.missing(_plan())
    _work(workspace, UNITS[0], "again")
    assert workspace.missing(_plan()) == [UNITS[1]]
    assert (workspace.done(UNITS[0]) / "file").read_text() == "again"


@pytest.mark.parametrize(("resumable", "left"), [(True, ["half"]), (False, [])])
def test_only_a_resumable_stage_finds_what_a_killed_try_left(workspace, resumable, left):
    (workspace.open_partial(UNITS[0], resumable) / "half").write_text("")
    assert [path.name for path in workspace.open_partial(UNITS[0], resumable).iterdir()] == left


def test_another_plan_under_the_same_key_starts_anew(workspace, capsys):
    _work(workspace, UNITS[0])
    workspace.start(_plan())
    assert workspace.is_done(UNITS[0])
    workspace.start(_plan([Unit("a", {"n": [1, 3]}), Unit("b")]))
    assert not workspace.is_done(UNITS[0])
    assert "plan changed" in capsys.readouterr().err


def test_other_keys_go_but_the_newest_unfinished(workspace, tmp_path):
    for number, name in enumerate(["sealed", "old", "newer", "newest"]):
        other = Workspace(tmp_path, "s", name)
        other.start(_plan())
        os.utime(other.folder, ns=(number, number))
        if name == "sealed":
            other.mark_sealed()
    workspace.drop_others()
    assert sorted(path.name for path in workspace.folder.parent.iterdir()) == ["key", "newer", "newest"]


def test_sealed_units_are_dropped_unless_the_stage_is_at_work(workspace, tmp_path):
    workspace.mark_sealed()
    Workspace(tmp_path, "s", "unsealed").start(_plan())
    with stage_lock(tmp_path, "s"):
        drop_sealed(tmp_path, ["s"])
        assert workspace.folder.exists()
    drop_sealed(tmp_path, ["s", "never-worked"])
    assert sorted(path.name for path in (tmp_path / ".work/s").iterdir()) == ["lock", "unsealed"]


def _hold(path, ready, release):
    with flocked(path, announce=True) as file:
        file.write("a test")
        file.flush()
        ready.set()
        release.wait(30)


def test_who_waits_for_a_lock_is_told_for_whom(tmp_path, capsys):
    context = multiprocessing.get_context("fork")
    ready, release = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "lock", ready, release))
    holder.start()
    assert ready.wait(30)
    with pytest.raises(BlockingIOError), flocked(tmp_path / "lock", wait=False):
        pass
    holder.kill()  # the lock dies with its process, however that ends
    with flocked(tmp_path / "lock", announce=True):
        pass
    holder.join()
    assert capsys.readouterr().err in ("", "overfeat: waiting for a test, which works this stage\n")
