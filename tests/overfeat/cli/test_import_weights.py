"""``overfeat import-weights``: what it writes and says, and that what a person can mend is one sentence."""

import errno
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overfeat.cli import main
from overfeat.models import checkpoints, released
from overfeat.models.checkpoints import load_network, load_state, weights_hash
from overfeat.models.released import class_names, load_released, released_size
from overfeat.models.tables import ModelTable, Stage

SMALL = ModelTable("small", (Stage("conv", 2, 3, pool=2), Stage("full", 3, 2), Stage("full", 0, 1)), ((0, 0),))
Run = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def _small_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(released, "_TABLES", (SMALL,))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "net_weight_0"
    path.write_bytes(np.linspace(-1, 1, released_size(SMALL) // 4).astype("<f4").tobytes())
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str | Path) -> tuple[int, str]:
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        assert not said.out
        return code, said.err

    return call


def test_weights_become_a_checkpoint_and_the_way_to_use_it_is_said(weights: Path, tmp_path: Path, run: Run) -> None:
    code, said = run("import-weights", weights, "--out", tmp_path / "made/here")
    (path,) = (tmp_path / "made/here").iterdir()
    net, expected = load_network(path), load_released(weights)
    assert code == 0
    assert path.name == f"small-{weights_hash(expected)[:12]}.pt"
    assert weights_hash(net) == weights_hash(expected)
    assert net.class_names == class_names()
    assert load_state(path)["history"] == {"model": "small", "imported_from": "net_weight_0"}
    assert f"1,000 classes, is in {path}\n" in said
    assert f'make run PROFILE=small SOURCE=... SET="train_classifier.weights={path}"\n' in said


def test_data_released_is_the_default(weights: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run("import-weights", weights)
    assert code == 0
    assert re.search(r"weights=data/released/small-[0-9a-f]{12}\.pt\"", said)
    assert len(list((tmp_path / "data/released").iterdir())) == 1


def test_the_same_file_gives_the_same_bytes_and_another_one_another_file(
    weights: Path, tmp_path: Path, run: Run
) -> None:
    run("import-weights", weights, "--out", tmp_path / "out")
    (first,) = (tmp_path / "out").iterdir()
    before = first.read_bytes()
    run("import-weights", weights, "--out", tmp_path / "out")
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [before]
    data = bytearray(weights.read_bytes())
    data[0] ^= 1
    weights.write_bytes(data)
    run("import-weights", weights, "--out", tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2


def gone(weights: Path) -> None:
    weights.unlink()


def cut(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-4])


def longer(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes() + b"\0")


def not_finite(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-4] + np.float32(np.nan).tobytes())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (gone, "there is no file .*net_weight_0: give"),
        (cut, "net_weight_0 has [0-9,]+ bytes, where the authors' weights have"),
        (longer, "net_weight_0 has [0-9,]+ bytes, where the authors' weights have"),
        (not_finite, "a weight that is not finite at byte [0-9,]+, in classifier.3.bias"),
    ],
)
def test_a_file_that_is_not_the_authors_is_a_sentence(
    weights: Path, tmp_path: Path, run: Run, damage: Callable[[Path], None], message: str
) -> None:
    damage(weights)
    code, said = run("import-weights", weights, "--out", tmp_path / "out")
    assert code == 2
    assert re.fullmatch(f"overfeat: .*{message}.*\n", said)
    assert not (tmp_path / "out").exists()


def fails(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> None:
        raise error

    return fail


def test_a_file_that_cannot_be_read_is_a_sentence(weights: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(released, "_fill", fails(OSError(errno.EIO, "it is broken")))
    assert run("import-weights", weights) == (2, f"overfeat: {weights} cannot be read (it is broken)\n")


def test_a_folder_that_cannot_be_written_to_is_a_sentence(weights: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "taken").write_text("a file")
    for out in ("taken", "taken/below"):
        code, said = run("import-weights", weights, "--out", tmp_path / out)
        assert code == 2
        assert re.fullmatch(r"overfeat: .*taken.*pt cannot be written \(.*\): name another folder with --out\n", said)


@pytest.mark.parametrize("most", [0, 12_000])
def test_a_disk_without_room_is_a_sentence(weights: Path, tmp_path: Path, run: Run, most: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))  # no file may be longer
    try:
        code, said = run("import-weights", weights, "--out", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 2
    assert re.fullmatch(r"overfeat: .*pt cannot be written \(.*\): name another folder with --out\n", said)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_error_of_ours_keeps_its_traceback(weights: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "save_state", None)
    with pytest.raises(TypeError):
        run("import-weights", weights)
    monkeypatch.setattr(checkpoints, "save_network", fails(RuntimeError("ours")))
    with pytest.raises(RuntimeError, match="ours"):
        run("import-weights", weights)


def test_debug_shows_where_an_error_comes_from(tmp_path: Path, run: Run) -> None:
    code, said = run("--debug", "import-weights", tmp_path / "gone")
    assert code == 2
    assert "Traceback" in said
    assert said.splitlines()[-1].startswith("overfeat: there is no file")
