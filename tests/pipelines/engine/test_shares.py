"""How far a unit says it is."""

import pytest

from pipelines.engine import current
from pipelines.engine.current import Current, set_current
from pipelines.engine.plan import Plan
from pipelines.engine.pool import work_unit
from pipelines.engine.shares import epoch_reporter, read_shares, report_share
from pipelines.engine.stage import Unit
from pipelines.engine.workspace import Workspace


@pytest.fixture(autouse=True)
def _nothing_is_worked():
    before = list(current._current)
    current._current.clear()
    yield
    current._current[:] = before


def test_the_epochs_of_a_training_are_the_share_of_its_unit(tmp_path, capsys):
    set_current(Current("train", "key", tmp_path, "member-0"))
    report = epoch_reporter("member-0")
    report("going on after epoch 2")
    assert read_shares(tmp_path, "train", "key", ["member-0"]) == {}
    report("epoch 3/12  train_loss 0.1")
    assert read_shares(tmp_path, "train", "key", ["member-0", "member-1"]) == {"member-0": 0.25}
    report("epoch 12/12  train_loss 0.1")
    assert read_shares(tmp_path, "train", "key", ["member-0"]) == {"member-0": 1.0}
    assert "overfeat: train: member-0: epoch 3/12  train_loss 0.1" in capsys.readouterr().err


def test_who_works_no_unit_has_no_share(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_share(0.5)
    set_current(Current("train", "key", tmp_path))
    report_share(0.5)
    assert list(tmp_path.iterdir()) == []


def test_a_share_is_beside_the_unit_and_goes_with_a_new_try_and_with_the_seal(tmp_path):
    seen = {}

    class Stage:
        resumable = False

        def work(self, unit, folder):
            seen["before"] = read_shares(tmp_path, "s", "key", ["a"])
            report_share(0.5)
            seen["folder"] = list(folder.iterdir())

    plan = Plan("s", "key", {}, {}, 1, 1, (Unit("a"),))
    plan.__dict__["built"] = Stage()
    workspace = Workspace(tmp_path, "s", "key")
    workspace.start(plan)
    set_current(Current("s", "key", tmp_path, "a"))
    report_share(0.9)  # of a try that was killed
    work_unit(tmp_path, plan, plan.units[0])
    assert seen == {"before": {}, "folder": []}
    assert read_shares(tmp_path, "s", "key", ["a"]) == {"a": 0.5}
    workspace.mark_sealed()
    assert not (workspace.folder / "progress").exists()
