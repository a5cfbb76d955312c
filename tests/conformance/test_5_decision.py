"""SPEC 5: from what the windows say to classes with boxes."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from overfeat.config import InferSettings, MergeSettings
from overfeat.inference.batches import Picture
from overfeat.inference.calibration import Calibration
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.localization import localizations, localize
from overfeat.inference.votes import Votes
from overfeat.models.network import OverFeat, initialize
from overfeat.models.regressor import Regressor
from overfeat.models.tables import MINI
from overfeat.results.schemas import BOX_COLUMNS, WINDOWS
from overfeat.results.store import read_footer, write_table
from pipelines import paths
from pipelines.merge import Merge

NAMES = ["cat", "dog", "eel", "fox", "gnu", "hen"]
LEFT, NEAR, RIGHT = (0.0, 0.0, 100.0, 100.0), (4.0, 0.0, 104.0, 100.0), (300.0, 0.0, 400.0, 100.0)


def votes(*windows: tuple[int, tuple[float, ...], list[float]], own_boxes: np.ndarray | None = None) -> Votes:
    """Return the votes of one picture's windows: scale (1 or 2), box, and the output of each class."""
    count, classes = len(windows), len(windows[0][2])
    return Votes(
        **{"num_classes": classes, "image_ids": ["p"], "splits": ["val"]},
        **{"map_pictures": np.zeros(2, np.int64), "map_scales": np.array([1, 2])},
        **{"window_maps": np.array([scale - 1 for scale, _, _ in windows]), "windows": np.arange(count)},
        **{"boxes": np.array([box for _, box, _ in windows]), "entry_windows": np.arange(count).repeat(classes)},
        **{"entry_classes": np.tile(np.arange(classes), count), "entry_boxes": own_boxes},
        **{"outputs": np.array([outputs for _, _, outputs in windows]).ravel()},
    )


def rows(said: Votes, settings: MergeSettings, calibration: Calibration | None = None) -> list[dict[str, Any]]:
    table: pa.Table = localizations(said, localize(said, settings), NAMES, calibration, "r", "m")
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def test_boxes_of_a_class_are_those_of_the_scales_where_it_is_among_the_best() -> None:
    said = votes(
        (1, LEFT, [0.6, 0.3, 0.1]),
        (1, NEAR, [0.5, 0.4, 0.1]),
        (2, NEAR, [0.2, 0.7, 0.1]),
        (2, RIGHT, [0.3, 0.5, 0.2]),
    )
    best, second = rows(said, MergeSettings(classes_per_scale=1))
    # at scale 1 cat is best and at scale 2 dog: neither takes boxes of the other's scale
    assert (best["label"], best["members"], best["scales"], best["x1"]) == ("cat", [0, 1], [1], 2.0)
    assert (second["label"], second["members"], second["scales"], second["x1"]) == ("dog", [2], [2], 4.0)
    assert [best["score"], second["score"]] == pytest.approx([1.1, 0.7])
    # with two classes a scale both are taken at both
    best, second = rows(said, MergeSettings(classes_per_scale=2))
    assert (best["label"], best["members"], best["scales"]) == ("dog", [0, 1, 2], [1, 2])
    assert best["x1"] == pytest.approx(8 / 3)
    assert [best["score"], second["score"]] == pytest.approx([0.3 + 0.4 + 0.7, 0.6 + 0.5 + 0.2])
    assert MergeSettings().classes_per_scale == 5


def test_the_box_of_a_class_is_its_merged_box_with_the_greatest_sum_not_that_of_the_surest_window() -> None:
    (found,) = rows(votes((1, RIGHT, [0.9]), (1, LEFT, [0.5]), (2, NEAR, [0.6])), MergeSettings())
    assert (found["members"], found["x1"], found["rank"]) == ([1, 2], 2.0, 1)
    assert found["score"] == pytest.approx(1.1)


def test_there_are_five_guesses_ranked_by_their_sums() -> None:
    outputs = [0.1, 0.3, 0.05, 0.2, 0.25, 0.15]
    guesses = rows(votes((1, LEFT, outputs), (2, LEFT, outputs)), MergeSettings(classes_per_scale=6))
    assert [guess["label"] for guess in guesses] == ["dog", "gnu", "fox", "hen", "cat"]
    assert [guess["rank"] for guess in guesses] == [1, 2, 3, 4, 5]


def test_with_a_regressor_for_each_class_a_class_has_its_own_boxes() -> None:
    own = np.array([LEFT, RIGHT, NEAR, RIGHT])  # of cat and dog in the one window, then in the other
    cat, dog = rows(votes((1, LEFT, [0.6, 0.4]), (2, LEFT, [0.7, 0.3]), own_boxes=own), MergeSettings())
    assert (cat["label"], cat["x1"], dog["label"], dog["x1"]) == ("cat", 2.0, "dog", 300.0)


def test_a_confidence_from_0_to_1_stands_beside_a_sum_that_exceeds_1() -> None:
    said = votes((1, LEFT, [0.9]), (1, NEAR, [0.9]), (2, LEFT, [0.9]))
    (found,) = rows(said, MergeSettings(), Calibration((1.0, 1.0, 0.0), 0.5, 1))
    assert found["score"] == pytest.approx(2.7)
    # the score's share of three windows is 0.9, as is the mean output
    assert found["confidence"] == pytest.approx(1 / (1 + np.exp(-(np.log(0.9) + 0.9 + 0.5))))
    assert rows(said, MergeSettings())[0]["confidence"] is None


@pytest.mark.parametrize("per_class", [False, True])
def test_the_regressor_looks_at_the_classifiers_windows_at_every_scale_flip_and_offset(per_class: bool) -> None:
    net = OverFeat(MINI, 3).eval()
    initialize(net, "he", 0)
    net.class_names = NAMES[:3]
    regressor = Regressor(MINI, NAMES[:3], per_class).eval()
    last = regressor.head[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    with torch.no_grad():  # it always says: the left half of the window, and as much as a quarter to the left of it
        last.weight.zero_()
        last.bias.copy_(torch.tensor([-0.75, -0.5, 0.0, 0.5]).repeat(3 if per_class else 1))
    picture = Picture("p", "val", torch.zeros(3, 72, 72, dtype=torch.uint8), (144, 144))
    frame = gather_evidence([net], [regressor], [picture], InferSettings(scales=(1, 2)), "r", torch.device("cpu"))
    windows = frame.to_pandas()
    assert len(windows) == 2 * (3 * 3 + 6 * 6)
    x1, y1, x2, y2 = (windows[side].to_numpy(np.float64) for side in ("x1", "y1", "x2", "y2"))
    middle, quarter = (x1 + x2) / 2, (x2 - x1) / 4
    left = np.where(windows["flip"], middle, x1 - quarter)  # a mirrored window's left is the right of what it sees
    right = np.where(windows["flip"], x2 + quarter, middle)
    np.testing.assert_allclose(
        windows[list(BOX_COLUMNS)], np.clip(np.stack([left, y1, right, y2], axis=1), 0, 144), rtol=1e-5
    )


def test_results_record_which_match_score_was_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    facts = {"task": "recognition", "class_names": NAMES, "model": "mini", "boxes": True, "run": "e"}
    write_table(paths.WINDOWS / "part.parquet", WINDOWS.empty_table(), WINDOWS, facts)
    for match, threshold in (("normalized", 0.5), ("literal", 50.0)):
        Merge(MergeSettings(match=match)).finish([], Path(match))  # type: ignore[arg-type]
        (file,) = (Path(match) / paths.RESULTS / "localizations").glob("**/*.parquet")
        assert (read_footer(file)["match"], read_footer(file)["threshold"]) == (match, threshold)
