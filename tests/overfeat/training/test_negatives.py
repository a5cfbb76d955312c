"""Which windows of background are chosen, picture by picture, and what the ledger remembers of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from overfeat.inference.windows import WindowGrid
from overfeat.models.geometry import Geometry
from overfeat.models.tables import MINI
from overfeat.results.schemas import NEGATIVES
from overfeat.results.store import read_footer, read_table
from overfeat.training.negatives import Choose, Ledger, choose_negatives
from overfeat.training.scenes import Scene

CHOICES: tuple[Choose, ...] = ("hardest", "random", "mix")
LABELS = ["cat", "dog", "eel"]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def choose(background: Any, offence: Any, count: int, how: Choose, seed: int = 0) -> list[dict[int, bool]]:
    """Return for every picture which windows were chosen, and whether for their offence; none is there twice."""
    given_offence = None if offence is None else torch.tensor(np.array(offence, np.float32))
    seen = torch.tensor(np.array(background, bool))
    pictures, windows, hardest = choose_negatives(seen, given_offence, count, how, seeded(seed))
    assert (pictures.dtype, windows.dtype, hardest.dtype) == (torch.int64, torch.int64, torch.bool)
    assert pictures.shape == windows.shape == hardest.shape
    chosen: list[dict[int, bool]] = [{} for _ in seen]
    for picture, window, worst in zip(pictures.tolist(), windows.tolist(), hardest.tolist(), strict=True):
        assert window not in chosen[picture]
        assert not worst or all(chosen[picture].values())  # those first
        chosen[picture][window] = worst
    return chosen


@st.composite
def minibatches(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw what is background and offences, some equal, some so small that they vanish beside 1."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.integers(1, 4)), draw(st.integers(0, 30))
    background = rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.6, 1.0]))
    offence = rng.random(shape).astype(np.float32) ** draw(st.sampled_from([1, 40]))
    steps = draw(st.sampled_from([None, 1, 4]))
    return background, offence if steps is None else np.round(offence * steps) / steps


@settings(deadline=None)
@given(minibatches(), st.integers(0, 12), st.sampled_from(CHOICES), st.integers(0, 2**32))
def test_equals_a_choice_made_picture_by_picture(
    batch: tuple[np.ndarray, np.ndarray], count: int, how: Choose, seed: int
) -> None:
    background, offence = batch
    chosen = choose(background, offence, count, how, seed)
    for seen, offences, windows in zip(background, offence, chosen, strict=True):
        candidates = np.flatnonzero(seen).tolist()
        assert set(windows) <= set(candidates)
        assert len(windows) == min(count, len(candidates))
        hardest = [window for window, worst in windows.items() if worst]
        wanted = {"hardest": count, "random": 0, "mix": count // 2}[how]
        worst = sorted((offences[window] for window in candidates), reverse=True)[:wanted]
        assert sorted((offences[window] for window in hardest), reverse=True) == worst


@settings(deadline=None)
@given(minibatches(), st.integers(0, 12), st.sampled_from(CHOICES), st.integers(0, 2**32))
def test_the_seed_alone_decides(batch: tuple[np.ndarray, np.ndarray], count: int, how: Choose, seed: int) -> None:
    assert choose(*batch, count, how, seed) == choose(*batch, count, how, seed)


def test_random_ones_need_no_offence_and_every_window_has_its_turn() -> None:
    background = np.ones((2, 20), bool)
    background[0, 5] = False
    counts = np.zeros((2, 20))
    for seed in range(600):
        for picture, windows in enumerate(choose(background, None, 5, "random", seed)):
            counts[picture, list(windows)] += 1
    assert counts[0, 5] == 0
    expected = np.where(background, 600 * 5 / background.sum(1, keepdims=True), 0)
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected.max())


def test_the_other_half_of_a_mix_is_drawn_from_all_others() -> None:
    offence = np.linspace(0, 1, 10)[None]
    drawn: set[int] = set()
    for seed in range(100):
        (windows,) = choose(np.ones((1, 10), bool), offence, 4, "mix", seed)
        assert {window for window, worst in windows.items() if worst} == {8, 9}
        drawn |= {window for window, worst in windows.items() if not worst}
    assert drawn == set(range(8))


def test_half_of_an_odd_number_is_rounded_down() -> None:
    offence = np.linspace(0, 1, 10)[None]
    (windows,) = choose(np.ones((1, 10), bool), offence, 5, "mix")
    assert list(windows.values()) == [True, True, False, False, False]
    assert list(choose(np.ones((1, 10), bool), None, 1, "mix")[0].values()) == [False]


@pytest.mark.parametrize("how", CHOICES)
def test_where_there_is_no_background_nothing_is_chosen(how: Choose) -> None:
    assert choose([[False, False], [True, False]], [[0.9, 0.1], [0.0, 0.8]], 3, how)[0] == {}
    assert choose(np.ones((2, 3), bool), np.ones((2, 3)), 0, how) == [{}, {}]
    assert choose(np.ones((2, 0), bool), np.ones((2, 0)), 3, how) == [{}, {}]


def scene(image_id: str, flip: bool, scale: int = 2, margin: int = 12) -> Scene:
    grid = WindowGrid(Geometry(MINI), (72, 84), (144, 252), flip, margin)  # twice as high, three times as wide
    windows = len(grid.windows())
    pixels = torch.zeros(3, 72 + 2 * margin, 84 + 2 * margin, dtype=torch.uint8)
    return Scene(image_id, pixels, grid, scale, np.full(windows, -1), np.zeros((windows, 4), np.float32))


def add(ledger: Ledger, epoch: int, scenes: list[Scene], picture: list[int], window: list[int], scores: Tensor) -> None:
    hardest = torch.arange(len(window)) % 2 == 0
    pictures, windows = (torch.tensor(part, dtype=torch.int64) for part in (picture, window))
    ledger.add(epoch, scenes, pictures, windows, scores, hardest)


def rows(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = read_table(path, NEGATIVES).to_pandas()
    return frame


def test_the_ledger_has_a_row_a_window_in_pixels_of_the_original(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "negatives", LABELS)
    scenes = [scene("plain", flip=False), scene("turned", flip=True, scale=5)]
    columns = scenes[0].grid.shape[1]
    window = 2 * columns + 4  # begins at 4 - 1 strides of 4 pixels from the left, 2 - 3 from the top
    scores = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.3, 0.1], [0.0, 0.0, 0.25]])
    add(ledger, 6, scenes, [0, 1, 1], [window, window, 0], scores)
    ledger.write(6)
    assert [path.name for path in (tmp_path / "negatives").iterdir()] == ["epoch-0007.parquet"]
    frame = rows(tmp_path / "negatives/epoch-0007.parquet")
    assert frame["image_id"].tolist() == ["plain", "turned", "turned"]
    assert frame["epoch"].tolist() == [7, 7, 7]
    assert frame["scale"].tolist() == [2, 5, 5]
    assert frame["flip"].tolist() == [False, True, True]
    assert frame["label"].tolist() == ["dog", "cat", "eel"]
    np.testing.assert_allclose(frame["score"], [0.7, 0.5, 0.25], rtol=1e-6)
    assert frame["hardest"].tolist() == [True, False, True]
    # in the resized picture 4..56 by -4..48, mirrored 28..80; the corner is at -12, mirrored 44..96
    boxes = [[12, -8, 168, 96], [84, -8, 240, 96], [132, -24, 288, 80]]
    assert frame[["x1", "y1", "x2", "y2"]].to_numpy().tolist() == boxes
    assert read_footer(tmp_path / "negatives/epoch-0007.parquet")["class_names"] == LABELS


def test_every_epoch_has_its_own_file_an_empty_one_too(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, LABELS)
    add(ledger, 0, [scene("a", False), scene("b", True)], [0, 1], [3, 4], torch.eye(3)[:2])
    add(ledger, 0, [scene("c", False)], [0], [5], torch.eye(3)[2:])
    ledger.write(0)
    add(ledger, 1, [scene("d", False)], [], [], torch.zeros(0, 3))
    ledger.write(1)
    ledger.write(2)
    add(ledger, 3, [scene("b", False)], [0], [1], torch.eye(3)[:1])
    ledger.write(3)
    ids = [rows(path)["image_id"].tolist() for path in sorted(tmp_path.iterdir())]
    assert ids == [["a", "b", "c"], [], [], ["b"]]
    assert rows(tmp_path / "epoch-0001.parquet")["label"].tolist() == LABELS


def test_the_ledger_of_an_epoch_that_is_done_again_takes_the_place_of_the_old(tmp_path: Path) -> None:
    for name in ("old", "new"):
        ledger = Ledger(tmp_path, LABELS)
        add(ledger, 0, [scene(name, False)], [0], [0], torch.eye(3)[:1])
        ledger.write(0)
    assert rows(tmp_path / "epoch-0001.parquet")["image_id"].tolist() == ["new"]
