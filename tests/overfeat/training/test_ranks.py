"""Training on several processes: under torchrun two do what one does, and one by itself does nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import nn

from overfeat.config import TrainClassifierSettings
from overfeat.devices import processes_wanted, spare_threads
from overfeat.errors import SettingsError, TrainingError
from overfeat.models.checkpoints import load_state
from overfeat.training.classifier import train_classifier
from overfeat.training.ranks import ALONE, Ranks, Sums

RECIPE: dict[str, Any] = {
    **{"epochs": 2, "batch_size": 8, "crops": 1, "flips": "none", "init": "he", "learning_rate": 0.0005},
    **{"momentum": 0.9, "dropout": 0.0, "device": "cpu", "loader_threads": 1},
}
RECIPES = [
    {},  # 66 pictures: a last minibatch of 2, one for each rank
    {"crops": 2, "batch_size": 13, "label_smoothing": 0.1},  # uneven parts; a last minibatch of 2
    {"batch_size": 65, "learning_rate": 0.003},  # a last minibatch of 1, of which one rank has nothing
]
NOT_FINITE = {"learning_rate": 1e12}

SCRIPT = """
import json, sys
from pathlib import Path
import torch
from overfeat.config import TrainClassifierSettings
from overfeat.errors import TrainingError
from overfeat.training.classifier import train_classifier
from overfeat.training.ranks import Ranks

images, out, recipes = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
ranks = Ranks.of_torchrun()
for number, changes in enumerate(recipes):
    lines = []
    recipe = TrainClassifierSettings(**changes)
    try:
        train_classifier(images, ["left", "right"], "mini", recipe, 0, out / str(number), lines.append, ranks)
    except TrainingError as error:
        lines.append(str(error))
    facts = {"lines": lines, "rank": ranks.rank, "size": ranks.size, "threads": torch.get_num_threads()}
    (out / f"{number}-rank-{ranks.rank}.json").write_text(json.dumps(facts))
"""


@pytest.fixture
def images(make_shards: Any) -> Path:
    make_shards("train", images=66)
    folder: Path = make_shards("val", images=21, side=70)
    return folder


def largest_difference(one: Path, two: Path) -> float:
    """Return how far weights differ, at most over the tensors, relative to their length."""
    expected, got = (load_state(path)["weights"] for path in (one, two))
    assert expected.keys() == got.keys()
    return max(
        float((expected[key] - got[key]).norm() / expected[key].norm())
        for key in expected
        if torch.is_tensor(expected[key]) and expected[key].is_floating_point()
    )


@pytest.mark.slow
def test_two_processes_end_where_one_ends(images: Path, tmp_path: Path) -> None:
    recipes, one, two = [RECIPE | changes for changes in [*RECIPES, NOT_FINITE]], tmp_path / "one", tmp_path / "two"
    for number, recipe in enumerate(recipes[:-1]):
        settings = TrainClassifierSettings(**recipe)
        train_classifier(images, ["left", "right"], "mini", settings, 0, one / str(number), lambda _: None)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    two.mkdir()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    command = [*torchrun, str(script), str(images), str(two), json.dumps(recipes)]
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    ended = subprocess.run(command, env=here, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stderr
    said = [[json.loads((two / f"{n}-rank-{rank}.json").read_text()) for rank in range(2)] for n in range(len(recipes))]
    assert [(facts["rank"], facts["size"]) for facts in said[0]] == [(0, 2), (1, 2)]
    for number in range(len(RECIPES)):
        folders = [run / str(number) for run in (one, two)]
        assert sorted(path.name for path in folders[1].iterdir()) == ["best.pt", "curves.csv", "last.pt"]
        for name in ("last.pt", "best.pt"):
            assert largest_difference(*(folder / name for folder in folders)) < 1e-5
        curves = [pd.read_csv(folder / "curves.csv") for folder in folders]
        pd.testing.assert_frame_equal(*curves, rtol=1e-5, atol=1e-6)
        assert [len(facts["lines"]) for facts in said[number]] == [2, 0]
    assert "not finite in epoch 1; no epoch was finished" in said[-1][0]["lines"][-1]
    assert said[-1][0]["lines"] == said[-1][1]["lines"]  # no rank is left waiting for the other
    assert not (two / str(len(RECIPES))).exists()


def test_the_group_is_what_torchrun_says(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    for name in names:
        monkeypatch.delenv(name, raising=False)
    assert Ranks.of_torchrun() is ALONE
    monkeypatch.setenv("RANK", "5")  # by some scheduler: torchrun sets all
    assert Ranks.of_torchrun() is ALONE
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert Ranks.of_torchrun() == Ranks(rank=5, size=8, local_rank=1, local_size=4)
    assert not Ranks.of_torchrun().first
    assert ALONE.first


def test_alone_nothing_is_sent() -> None:
    net, cpu = nn.Linear(2, 1), torch.device("cpu")
    with ALONE.joined(cpu), Sums(ALONE, net.parameters()) as sums:
        loss = net(torch.ones(3, 2)).sum()
        assert sums.of(loss) is loss
        loss.backward()  # type: ignore[no-untyped-call]
        sums.wait()
    assert ALONE.added_up([1, 2.5], cpu) == [1, 2.5]
    assert not torch.distributed.is_initialized()


def test_each_rank_of_a_machine_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = Ranks(rank=5, size=8, local_rank=1, local_size=4)
    assert ranks.device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert ranks.device("auto") == torch.device("cuda", 1)
    assert ALONE.device("cuda") == torch.device("cuda")
    with pytest.raises(SettingsError, match="4 processes train on this machine, and torch finds 2 CUDA devices"):
        Ranks(rank=6, size=8, local_rank=2, local_size=4).device("cuda")


def test_how_many_processes_train(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert processes_wanted(None, "auto", "x.processes") == 1
    assert processes_wanted(3, "auto", "x.processes") == 3
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert processes_wanted(None, "auto", "x.processes") == 4
    assert processes_wanted(1, "cuda", "x.processes") == 1
    assert processes_wanted(None, "cpu", "x.processes") == 1
    with pytest.raises(SettingsError, match=r"^x\.processes is 5, .* torch finds 4 here: set it to 4 or less$"):
        processes_wanted(5, "auto", "x.processes")


def test_the_processes_of_a_machine_share_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    assert [spare_threads(processes) for processes in (1, 2, 8, 16, 20)] == [15, 7, 1, 1, 1]


class Pretended(Ranks):
    """A second rank whose sums are made up: it takes part in nothing."""

    def added_up(self, values: Sequence[float], device: torch.device) -> list[float]:
        return [2 * value + 1 for value in values]


@pytest.mark.parametrize("ranks", [Ranks(rank=1), ALONE], ids=["second", "first"])
def test_the_first_rank_alone_writes_and_reports(images: Path, tmp_path: Path, ranks: Ranks) -> None:
    lines: list[str] = []
    recipe = TrainClassifierSettings(**(RECIPE | {"epochs": 1}))
    train_classifier(images, ["left", "right"], "mini", recipe, 0, tmp_path / "net", lines.append, ranks)
    assert len(lines) == (1 if ranks.first else 0)
    assert (tmp_path / "net").exists() == ranks.first


def test_ranks_drop_differently(make_shards: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    monkeypatch.setattr(torch, "manual_seed", seeds.append)
    recipe, images = TrainClassifierSettings(**RECIPE), make_shards("train", images=8)
    make_shards("val", images=4, side=70)
    for rank in range(2):
        folder = tmp_path / str(rank)
        train_classifier(images, ["left", "right"], "mini", recipe, 0, folder, lambda _: None, Ranks(rank=rank))
    assert seeds[:2] == [0, 1]
    assert len(set(seeds)) == 4


def test_ranks_that_see_different_states_stop_with_a_sentence(images: Path, tmp_path: Path) -> None:
    recipe = TrainClassifierSettings(**RECIPE)
    with pytest.raises(TrainingError, match=r"do not see the same state in .*: it must be one folder"):
        train_classifier(images, ["left"], "mini", recipe, 0, tmp_path, lambda _: None, Pretended(rank=1))
