"""The merge against the plain algorithm: one pair at a time, every pair looked at every time."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.errors import SettingsError
from overfeat.inference import greedy, merge, neighbours
from overfeat.inference.merge import DEFAULT_THRESHOLDS, merge_boxes, merge_groups

Box = tuple[float, float, float, float]
CASES = [("normalized", t) for t in (0.0, 0.2, 0.5, 0.9, 1.0, 1.7)] + [("literal", t) for t in (0.0, 5.0, 50.0, 900.0)]


def box_area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def distance(a: Box, b: Box) -> float:
    dx = (a[0] + a[2]) * 0.5 - (b[0] + b[2]) * 0.5
    dy = (a[1] + a[3]) * 0.5 - (b[1] + b[3]) * 0.5
    return math.sqrt(dx * dx + dy * dy)


def diagonal(box: Box) -> float:
    w, h = box[2] - box[0], box[3] - box[1]
    return math.sqrt(w * w + h * h)


def plain_score(a: Box, b: Box, match: str) -> float:
    shared = box_area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    apart = distance(a, b)
    if match == "literal":
        return apart + shared
    if a == b:
        return 0.0
    mean = (diagonal(a) + diagonal(b)) * 0.5
    union = box_area(a) + box_area(b) - shared
    return (apart / mean if mean else math.inf) + (1 - (shared / union if union else 0.0))


def plain_merge(boxes: list[Box], threshold: float, match: str) -> list[tuple[Box, list[int]]]:
    """The oracle: merged boxes and their members, from boxes in canonical order."""
    slots: dict[int, tuple[Box, list[int]]] = {i: (box, [i]) for i, box in enumerate(boxes)}
    scores = {(i, j): plain_score(boxes[i], boxes[j], match) for i in slots for j in slots if i < j}
    while scores:
        (i, j), best = min(scores.items(), key=lambda item: (item[1], item[0]))
        if best > threshold:
            break
        (one, ours), (other, theirs) = slots[i], slots.pop(j)
        share = len(theirs) / (len(ours) + len(theirs))
        merged = tuple(a + (b - a) * share for a, b in zip(one, other, strict=True))
        slots[i] = (merged, ours + theirs)  # type: ignore[assignment]  # four of them
        scores = {pair: score for pair, score in scores.items() if i not in pair and j not in pair}
        scores |= {(min(i, k), max(i, k)): plain_score(slots[i][0], slots[k][0], match) for k in slots if k != i}
    return list(slots.values())


def plain_boxes(boxes: np.ndarray, scores: np.ndarray, threshold: float, match: str) -> set[tuple[Any, ...]]:
    order = np.lexsort((scores, *boxes.T[::-1]))
    rows = [tuple(float(v) for v in boxes[i]) for i in order]
    found = plain_merge(rows, threshold, match)  # type: ignore[arg-type]
    return {(tuple(sorted(order[members].tolist())), box) for box, members in found}


@st.composite
def clustered(draw: st.DrawFn, largest: int = 40) -> np.ndarray:
    """Boxes of several objects, strays, duplicates and boxes without an area, some on a coarse grid to force ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, objects = draw(st.integers(0, largest)), draw(st.integers(1, 6))
    corner, side = rng.uniform(0, 100, (objects, 2)), rng.uniform(5, 60, (objects, 2))
    which, jitter = rng.integers(0, objects, count), draw(st.sampled_from([0.0, 0.02, 0.1, 0.4]))
    mean = np.concatenate([corner, corner + side], axis=1)[which]
    boxes = mean + rng.normal(size=(count, 4)) * jitter * np.tile(side[which], 2)
    step = draw(st.sampled_from([0.0, 1.0, 8.0, 25.0]))
    boxes = np.round(boxes / step) * step if step else boxes
    flat = rng.random(count) < draw(st.sampled_from([0.0, 0.3]))
    boxes[flat, 2] = boxes[flat, 0]
    copied = rng.random(count) < draw(st.sampled_from([0.0, 0.3]))
    boxes[copied] = boxes[rng.integers(0, max(count, 1), count)[copied]]
    return boxes.astype(np.float32)


def some_scores(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(count).astype(np.float32)


@pytest.fixture(params=["as it is", "small parts", "fine cells"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Push small inputs through the parts that only large ones reach."""
    if request.param != "as it is":
        monkeypatch.setattr(greedy, "_CANDIDATES", 3)
        monkeypatch.setattr(neighbours, "_BLOCK", 16)
    if request.param == "fine cells":
        monkeypatch.setattr(neighbours, "_CELLS", 200)
        monkeypatch.setattr(neighbours, "_SIDE", 0.1)


def equal_to_plain(boxes: np.ndarray, match: Any, threshold: float) -> None:
    scores = some_scores(len(boxes))
    merged, sums, members = merge_boxes(boxes.astype(np.float64), scores.astype(np.float64), threshold, match)
    expected = plain_boxes(boxes.astype(np.float64), scores, threshold, match)
    clusters = [tuple(m.tolist()) for m in members]
    assert set(clusters) == {cluster for cluster, _ in expected}
    by_cluster = dict(expected)
    if clusters:
        np.testing.assert_allclose(merged, [by_cluster[c] for c in clusters], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(sums, [scores[m].astype(np.float64).sum() for m in members])
    for box, m in zip(merged, members, strict=True):
        np.testing.assert_allclose(box, boxes[m].astype(np.float64).mean(axis=0), atol=1e-9)


@pytest.mark.parametrize(("match", "threshold"), CASES)
@pytest.mark.usefixtures("ways")
def test_equals_the_plain_algorithm(match: str, threshold: float) -> None:
    @settings(max_examples=12, deadline=None)
    @given(clustered())
    def check(boxes: np.ndarray) -> None:
        equal_to_plain(boxes, match, threshold)

    check()


@pytest.mark.parametrize(("match", "threshold"), [("normalized", 0.5), ("literal", 40.0)])
def test_equals_the_plain_algorithm_on_crowds(match: str, threshold: float) -> None:
    rng = np.random.default_rng(3)
    corner, side = rng.uniform(0, 300, (4, 2)), rng.uniform(40, 120, (4, 2))
    which = rng.integers(0, 4, 150)
    boxes = np.concatenate([corner, corner + side], 1)[which] + rng.normal(size=(150, 4)) * 0.08 * side[which][:, :1]
    equal_to_plain(boxes.astype(np.float32), match, threshold)
    grid = np.stack(np.meshgrid(np.arange(12) * 5.0, np.arange(10) * 5.0), -1).reshape(-1, 2)
    equal_to_plain(np.concatenate([grid, grid + 60], 1).astype(np.float32), match, threshold)


@pytest.mark.parametrize("seed", range(4))
def test_a_merged_box_comes_between(seed: int) -> None:
    """Around many boxes of equal objects, merges that seemed due are not, since others yield a better match before."""
    rng = np.random.default_rng(seed)
    corner = rng.normal(size=(90, 2)) * 8
    boxes = np.concatenate([corner, corner + 60 + rng.normal(size=(90, 2)) * 4], axis=1)
    boxes = np.round(boxes, 0 if seed % 2 else 9)  # with many equal scores, and with none
    for match, threshold in (("normalized", 0.5), ("literal", 3700.0)):
        equal_to_plain(boxes, match, threshold)


@pytest.mark.parametrize("match", ["normalized", "literal"])
def test_the_order_of_the_boxes_does_not_matter(match: Any) -> None:
    @settings(max_examples=40, deadline=None)
    @given(clustered(120), st.integers(0, 1000))
    def check(boxes: np.ndarray, seed: int) -> None:
        scores, order = some_scores(len(boxes), seed), np.random.default_rng(seed).permutation(len(boxes))
        merged, sums, members = merge_boxes(boxes, scores, match=match)
        again, again_sums, again_members = merge_boxes(boxes[order], scores[order], match=match)
        assert merged.tobytes() == again.tobytes()
        assert sums.tobytes() == again_sums.tobytes()
        for one, other in zip(members, again_members, strict=True):
            a, b = (np.column_stack([boxes[i], scores[i]]).tolist() for i in (one, order[other]))
            assert sorted(a) == sorted(b)

    check()


@settings(max_examples=40, deadline=None)
@given(clustered(120), st.sampled_from([0.0, 0.3, 0.5, 1.2]))
def test_members_partition_the_boxes(boxes: np.ndarray, threshold: float) -> None:
    scores = some_scores(len(boxes))
    merged, sums, members = merge_boxes(boxes, scores, threshold)
    assert merged.dtype == sums.dtype == np.float32
    assert sorted(i for m in members for i in m.tolist()) == list(range(len(boxes)))
    assert sums.sum() == pytest.approx(scores.sum(), rel=1e-5)
    assert (np.diff(sums) <= 0).all()
    for box, m in zip(merged, members, strict=True):
        assert (np.diff(m) > 0).all()
        assert (box >= boxes[m].min(axis=0) - 1e-4).all()
        assert (box <= boxes[m].max(axis=0) + 1e-4).all()


@settings(max_examples=40, deadline=None)
@given(clustered(80), st.integers(1, 5), st.sampled_from(["normalized", "literal"]))
def test_groups_do_not_meet(boxes: np.ndarray, count: int, match: Any) -> None:
    groups = np.random.default_rng(0).integers(-count, count, len(boxes))
    merged, cluster = merge_groups(boxes, groups, match=match)
    rows = []
    for group in np.unique(groups):
        alone, alone_cluster = merge_groups(boxes[groups == group], groups[groups == group], match=match)
        np.testing.assert_array_equal(cluster[groups == group], alone_cluster + sum(len(r) for r in rows))
        rows.append(alone)
    np.testing.assert_array_equal(merged, np.concatenate([*rows, np.zeros((0, 4))]))


@pytest.mark.parametrize("at_once", [1, 40, 41, 10**9])
@pytest.mark.parametrize("match", ["normalized", "literal"])
def test_the_result_does_not_depend_on_how_many_groups_are_merged_at_once(
    monkeypatch: pytest.MonkeyPatch, match: Any, at_once: int
) -> None:
    generator = np.random.default_rng(4)
    corners = generator.integers(0, 60, (150, 2))
    boxes, groups = np.concatenate([corners, corners + 40], axis=1), generator.integers(9, size=150)
    expected = merge_groups(boxes, groups, match=match)
    calls = []
    plain = merge.merge_within
    monkeypatch.setattr(
        merge, "merge_within", lambda slots, *rest: calls.append(len(slots.into)) or plain(slots, *rest)
    )
    monkeypatch.setattr(merge, "_AT_ONCE", at_once)
    for got, wanted in zip(merge_groups(boxes, groups, match=match), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert len(calls) == {1: 9, 10**9: 1}.get(at_once, len(calls))
    assert at_once < 40 or max(calls) <= at_once


def test_duplicates_become_one_and_sum_their_scores() -> None:
    box = [10.1, 20.2, 110.3, 120.4]
    for dtype in (np.float32, np.float64):
        merged, sums, members = merge_boxes(np.array([box] * 7, dtype), np.full(7, 0.5, dtype), 0.0)
        assert merged.dtype == sums.dtype == dtype
        np.testing.assert_array_equal(merged, np.array([box], dtype))
        assert sums.tolist() == [3.5]
        assert members[0].tolist() == list(range(7))


def test_by_falling_score_then_coordinates() -> None:
    boxes = [[200, 0, 220, 20], [0, 0, 20, 20], [100, 0, 120, 20], [300, 0, 320, 20]]
    merged, sums, members = merge_boxes(boxes, [1, 1, 1, 3])
    assert merged.dtype == np.float32
    assert sums.dtype == np.float64
    assert merged[:, 0].tolist() == [300, 0, 100, 200]
    assert [m.tolist() for m in members] == [[3], [1], [2], [0]]


def test_no_boxes() -> None:
    merged, sums, members = merge_boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    assert merged.shape == (0, 4)
    assert sums.shape == (0,)
    assert members == []
    assert merge_boxes([], [])[0].shape == (0, 4)
    assert merge_groups(np.zeros((0, 4)), np.zeros(0, np.int64))[1].shape == (0,)


def test_the_default_thresholds() -> None:
    boxes, scores = np.array([[0, 0, 100, 100], [15, 0, 115, 100]], np.float32), np.ones(2, np.float32)
    assert len(merge_boxes(boxes, scores)[0]) == 1
    assert len(merge_boxes(boxes, scores, DEFAULT_THRESHOLDS["normalized"] / 2)[0]) == 2
    assert len(merge_boxes(boxes, scores, match="literal")[0]) == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda b, s: merge_boxes(b, s, -0.1), "from 0 to"),
        (lambda b, s: merge_boxes(b, s, float("nan")), "from 0 to"),
        (lambda b, s: merge_boxes(b, s, float("inf")), "from 0 to"),
        (lambda b, s: merge_boxes(b, s, match="normalised"), "did you mean 'normalized'"),
    ],
)
def test_settings_are_checked(call: Callable[..., Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        call(np.ones((2, 4)), np.ones(2))


@pytest.mark.parametrize(
    ("boxes", "scores", "words"),
    [
        (np.ones((2, 5)), np.ones(2), r"boxes must be \(N, 4\)"),
        (np.ones((2, 4)), np.ones(3), "scores must be"),
        (np.full((2, 4), np.nan), np.ones(2), "boxes must be finite"),
        (np.ones((2, 4)), np.array([1, np.inf]), "scores must be finite"),
    ],
)
def test_arrays_are_checked(boxes: np.ndarray, scores: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        merge_boxes(boxes, scores)


def test_groups_are_checked() -> None:
    with pytest.raises(ValueError, match="integers"):
        merge_groups(np.ones((2, 4)), np.ones(2))
