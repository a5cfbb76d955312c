"""Checkpoints: what is written comes back, nothing else is accepted, and no code is ever run."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from overfeat.errors import CheckpointError
from overfeat.models.checkpoints import (
    load_network,
    load_regressor,
    load_state,
    save_network,
    save_regressor,
    save_state,
    weights_hash,
)
from overfeat.models.network import OverFeat, initialize
from overfeat.models.regressor import Regressor


def make_net() -> OverFeat:
    net = OverFeat("mini", 3).eval()
    initialize(net, "he", seed=5)
    net.class_names = ["a", "b", "c"]
    return net


def test_a_network_comes_back(tmp_path: Path) -> None:
    net = make_net()
    save_network(tmp_path / "net.pt", net, {"epoch": 3})
    again = load_network(tmp_path / "net.pt")
    assert again.class_names == ["a", "b", "c"]
    assert again.table == net.table
    assert not again.training
    images = torch.randn(2, 3, 60, 60)
    assert torch.equal(again(images), net(images))
    assert weights_hash(again) == weights_hash(net)


@pytest.mark.parametrize("per_class", [False, True])
def test_a_regressor_comes_back(tmp_path: Path, per_class: bool) -> None:
    net = make_net()
    regressor = Regressor(net.table, ["a", "b", "c"], per_class, dropout=0.5)
    initialize(regressor, "he", seed=6)
    regressor.trained_on = weights_hash(net)
    save_regressor(tmp_path / "regressor.pt", regressor, {"epoch": 3})
    again = load_regressor(tmp_path / "regressor.pt", net)
    assert not again.training
    assert (again.table, again.class_names, again.per_class) == (net.table, ["a", "b", "c"], per_class)
    pooled = torch.randn(2, net.table.features[-1].channels, 4, 5)
    edges = again(pooled)
    assert edges.shape == (2, 12 if per_class else 4, 1, 2)
    assert torch.equal(edges, regressor.eval()(pooled))
    assert weights_hash(again) == weights_hash(regressor)


def test_a_regressor_of_another_network_is_refused_and_the_cure_named(tmp_path: Path) -> None:
    net = make_net()
    regressor = Regressor(net.table, ["a", "b", "c"])
    regressor.trained_on = weights_hash(net)
    save_regressor(tmp_path / "regressor.pt", regressor, {})
    with torch.no_grad():
        net.classifier[0].bias[0] += 1
    cure = r"same checkpoint in train_localizer\.classifier and infer\.checkpoint, or train the localizer again"
    with pytest.raises(CheckpointError, match=rf"regressor\.pt was trained on .* another network .*{cure}"):
        load_regressor(tmp_path / "regressor.pt", net)


def test_a_network_is_no_regressor(tmp_path: Path) -> None:
    save_network(tmp_path / "net.pt", make_net(), {})
    with pytest.raises(CheckpointError, match="does not hold a box regressor of ours"):
        load_regressor(tmp_path / "net.pt", make_net())
    regressor = Regressor(make_net().table, ["a", "b", "c"])
    save_regressor(tmp_path / "regressor.pt", regressor, {})
    with pytest.raises(CheckpointError, match="does not hold a network of ours"):
        load_network(tmp_path / "regressor.pt")


def test_the_hash_sees_one_changed_weight() -> None:
    net = make_net()
    before = weights_hash(net)
    with torch.no_grad():
        next(net.parameters())[0, 0, 0, 0] += 1e-3
    assert weights_hash(net) != before


class Hostile:
    """Writes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_loading_never_runs_code(tmp_path: Path, writer: str) -> None:
    file, trace = tmp_path / "evil.pt", tmp_path / "trace"
    if writer == "torch":
        torch.save({"format": 1, "weights": Hostile(trace)}, file)
    else:
        file.write_bytes(pickle.dumps({"format": 1, "weights": Hostile(trace)}, protocol=2))
    with pytest.raises(CheckpointError, match="not a whole checkpoint of plain weights"):
        load_state(file)
    assert not trace.exists()


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    save_network(tmp_path / "net.pt", make_net(), {})
    data = (tmp_path / "net.pt").read_bytes()
    (tmp_path / "net.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match=r"net\.pt is not a whole checkpoint"):
        load_network(tmp_path / "net.pt")


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    save_network(tmp_path / "net.pt", make_net(), {})
    state = load_state(tmp_path / "net.pt")
    state["class_names"] = ["a", "b"]
    save_state(tmp_path / "net.pt", state)
    with pytest.raises(CheckpointError, match="does not hold a network of ours"):
        load_network(tmp_path / "net.pt")


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*gone\.pt"):
        load_network(tmp_path / "gone.pt")


def test_equal_states_have_equal_bytes_under_any_name(tmp_path: Path) -> None:
    for name in ("one.pt", "another.pt"):
        save_network(tmp_path / name, make_net(), {"epoch": 1})
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "another.pt").read_bytes()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    save_state(tmp_path / "state.pt", {"value": 1})
    with pytest.raises((AttributeError, pickle.PicklingError)):
        save_state(tmp_path / "state.pt", {"value": lambda: None})
    assert load_state(tmp_path / "state.pt")["value"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]
