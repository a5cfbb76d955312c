"""Training: it learns, goes on bit for bit after a kill, and stops with a sentence at a loss that is no number."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from overfeat.config import TrainClassifierSettings
from overfeat.errors import DatasetError, TrainingError
from overfeat.models.checkpoints import load_network, load_state
from overfeat.training.classifier import train_classifier

RECIPE = {
    "epochs": 4,
    "batch_size": 8,
    "crops": 1,
    "flips": "none",
    "init": "he",
    "learning_rate": 0.003,
    "momentum": 0.9,
    "device": "cpu",
    "loader_threads": 1,
}


def train(images: Path, folder: Path, **changes: Any) -> list[str]:
    lines: list[str] = []
    recipe = TrainClassifierSettings(**(RECIPE | changes))
    train_classifier(images, ["left", "right"], "mini", recipe, 0, folder, lines.append)
    return lines


@pytest.fixture
def images(make_shards: Any) -> Path:
    make_shards("train", images=64)
    folder: Path = make_shards("val", images=20, side=70)
    return folder


def test_it_learns_and_keeps_best_last_and_curves(images: Path, tmp_path: Path) -> None:
    lines = train(images, tmp_path / "net", epochs=6, dropout=0.0)
    assert sorted(path.name for path in (tmp_path / "net").iterdir()) == ["best.pt", "curves.csv", "last.pt"]
    curves = pd.read_csv(tmp_path / "net/curves.csv")
    assert curves["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert curves["validation_error"].iloc[-1] <= 10
    assert len(lines) == 6
    best, last = (load_state(tmp_path / "net" / name) for name in ("best.pt", "last.pt"))
    assert best["history"]["epoch"] == curves["epoch"][curves["validation_error"].idxmin()]
    assert last["history"]["epoch"] == 6
    assert load_network(tmp_path / "net/last.pt").class_names == ["left", "right"]


@pytest.mark.parametrize("terminal", [True, False])
def test_steps_are_counted_on_a_terminal_alone(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(stderr, "isatty", lambda: terminal)
    monkeypatch.setattr("sys.stderr", stderr)
    train(images, tmp_path / "net", epochs=1)
    assert ("epoch 1/1:" in stderr.getvalue()) == terminal
    assert terminal or not stderr.getvalue()


SCRIPT = """
import sys, torch
from pathlib import Path
from overfeat.config import TrainClassifierSettings
from overfeat.training.classifier import train_classifier
torch.set_num_threads(1)
recipe = TrainClassifierSettings(**{recipe!r})
report = lambda line: print(line, flush=True)
train_classifier(Path({images!r}), ["left", "right"], "mini", recipe, 0, Path(sys.argv[1]), report)
"""


@pytest.mark.slow
def test_a_killed_training_ends_bit_for_bit_where_an_undisturbed_one_ends(images: Path, tmp_path: Path) -> None:
    script = SCRIPT.format(recipe=RECIPE, images=str(images))

    def start(folder: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", script, str(tmp_path / folder)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])

    calm = start("calm")
    calm.communicate(timeout=120)
    assert calm.returncode == 0
    with start("killed") as killed:
        assert killed.stdout is not None
        assert "epoch 1/4" in killed.stdout.readline()
        assert "epoch 2/4" in killed.stdout.readline()
        time.sleep(0.05)  # into the third epoch
        os.kill(killed.pid, signal.SIGKILL)
    assert not (tmp_path / "killed/last.pt").exists()
    again = start("killed")
    output, _ = again.communicate(timeout=120)
    assert again.returncode == 0
    assert "going on after epoch" in output
    assert "epoch 1/4" not in output
    for name in ("last.pt", "best.pt"):
        expected, got = (load_state(tmp_path / run / name) for run in ("calm", "killed"))
        assert expected["weights"].keys() == got["weights"].keys()
        assert all(torch.equal(expected["weights"][key], got["weights"][key]) for key in expected["weights"])
        assert expected["history"] == got["history"]
    assert (tmp_path / "calm/curves.csv").read_text() == (tmp_path / "killed/curves.csv").read_text()


def test_a_loss_that_is_no_number_stops_with_a_sentence_and_keeps_the_last_epoch(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "short", epochs=1)
    with pytest.raises(TrainingError, match=r"not finite in epoch 1; no epoch was finished; lower the learning rate"):
        train(images, tmp_path / "net", learning_rate=1e12)
    assert not (tmp_path / "net/last.pt").exists()


def test_a_late_failure_keeps_the_state_of_the_last_whole_epoch(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {0: 0.01, 1: 1e12}
    monkeypatch.setattr(
        "overfeat.training.schedule.learning_rate", lambda _, epochs_done: rates[min(1, int(epochs_done))]
    )
    with pytest.raises(TrainingError, match="the state after epoch 1 is kept"):
        train(images, tmp_path / "net")
    state = load_state(tmp_path / "net/state.pt")
    assert state["progress"]["epoch"] == 1
    assert all(torch.isfinite(tensor).all() for tensor in state["weights"].values())


def test_weights_spoilt_by_the_last_step_are_never_kept(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 64 // 8
    rates = [0.003] * (2 * steps - 1) + [1e30]
    monkeypatch.setattr(
        "overfeat.training.schedule.learning_rate", lambda _, done: rates[min(len(rates) - 1, round(done * steps))]
    )
    with pytest.raises(TrainingError, match="not finite in epoch 2; the state after epoch 1 is kept"):
        train(images, tmp_path / "net", weight_decay=1.0)
    assert load_state(tmp_path / "net/state.pt")["progress"]["epoch"] == 1


def test_a_training_that_had_ended_is_not_begun_again(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "net", epochs=1)
    before = (tmp_path / "net/last.pt").read_bytes()
    assert train(images, tmp_path / "net", epochs=1) == []
    assert (tmp_path / "net/last.pt").read_bytes() == before


def test_members_differ(images: Path, tmp_path: Path) -> None:
    recipe = TrainClassifierSettings(**(RECIPE | {"epochs": 1}))
    for member in (0, 1):
        train_classifier(images, ["left", "right"], "mini", recipe, member, tmp_path / str(member), lambda _: None)
    first, second = (load_network(tmp_path / str(member) / "last.pt") for member in (0, 1))
    assert not torch.equal(first.features[0].weight, second.features[0].weight)


def test_no_pictures_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no pictures of split 'train'"):
        train(tmp_path, tmp_path / "net")
