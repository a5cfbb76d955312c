"""The authors' weight files: their layout, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from overfeat.errors import CheckpointError
from overfeat.models import released
from overfeat.models.network import OverFeat
from overfeat.models.released import class_names, load_released, released_size
from overfeat.models.tables import ACCURATE, FAST, ModelTable, Stage

SMALL = ModelTable("small", (Stage("conv", 2, 3, pool=2), Stage("full", 3, 2), Stage("full", 0, 1)), ((0, 0),))
OTHER = ModelTable("other", (Stage("conv", 2, 3, pool=2), Stage("full", 4, 2), Stage("full", 0, 1)), ((0, 0),))


@pytest.fixture(autouse=True)
def _small_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(released, "_TABLES", (SMALL, OTHER))


def write(path: Path, values: np.ndarray) -> Path:
    path.write_bytes(values.astype("<f4").tobytes())
    return path


def count(table: ModelTable) -> int:
    return released_size(table) // 4


def test_the_files_have_the_sizes_of_the_release() -> None:
    assert (released_size(FAST), released_size(ACCURATE)) == (583_683_488, 578_625_952)


def test_weights_lie_stage_after_stage_each_before_its_biases(tmp_path: Path) -> None:
    # 2 filters of 3x3x3 and 2 biases, 3 of 2x2x2 and 3, 1000 of 3x1x1 and 1000
    net = load_released(write(tmp_path / "net", np.arange(count(SMALL))))
    first, second, third = (layer for layer in net.modules() if isinstance(layer, torch.nn.Conv2d))
    assert first.weight[1, 2, 0].tolist() == [45, 46, 47]
    assert first.bias.tolist() == [54, 55]
    assert second.weight[0, 0, 1].tolist() == [58, 59]
    assert second.bias.tolist() == [80, 81, 82]
    assert third.weight[999].flatten().tolist() == [83 + 2997, 83 + 2998, 83 + 2999]
    assert third.bias[-1] == count(SMALL) - 1
    assert not net.training
    assert net.table is SMALL


def test_the_net_is_told_by_the_length(tmp_path: Path) -> None:
    assert load_released(write(tmp_path / "net", np.zeros(count(OTHER)))).table is OTHER


def test_class_names_by_output_channel(tmp_path: Path) -> None:
    names = class_names()
    assert len(names) == 1000
    assert (names[0], names[1], names[7]) == ("kit fox, Vulpes macrotis", "English setter", "Egyptian cat")
    assert load_released(write(tmp_path / "net", np.zeros(count(SMALL)))).class_names == names


@pytest.mark.parametrize("difference", [-1, 1, -3000])
def test_another_length_is_refused(tmp_path: Path, difference: int) -> None:
    path = write(tmp_path / "net", np.zeros(count(SMALL) + difference))
    with pytest.raises(CheckpointError, match=r"net has [0-9,]+ bytes, where the authors' weights have .*\(small\) or"):
        load_released(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 60, -1])
def test_a_weight_that_is_not_finite_is_refused(tmp_path: Path, value: float, place: int) -> None:
    values = np.zeros(count(SMALL))
    values[place] = value
    path = write(tmp_path / "net", values)
    byte = 4 * (place % count(SMALL))
    with pytest.raises(CheckpointError, match=f"not finite at byte {byte:,}, in "):
        load_released(path)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no file .*net_weight_0"):
        load_released(tmp_path / "net_weight_0")
    with pytest.raises(CheckpointError, match="there is no file"):
        load_released(tmp_path)


def test_a_file_that_shrinks_while_it_is_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "net", np.zeros(count(SMALL)))

    def table_of(_: Path) -> ModelTable:
        path.write_bytes(path.read_bytes()[:300])
        return SMALL

    monkeypatch.setattr(released, "_table_of", table_of)
    with pytest.raises(CheckpointError, match=r"ends within classifier\.0"):
        load_released(path)


def test_a_loaded_net_is_like_any_other(tmp_path: Path) -> None:
    net = load_released(str(write(tmp_path / "net", np.zeros(count(SMALL)))))
    assert isinstance(net, OverFeat)
    assert net(torch.zeros(1, 3, net.window, net.window)).shape == (1, 1000, 1, 1)
