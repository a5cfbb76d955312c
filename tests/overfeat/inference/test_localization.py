"""Localization from the evidence against the paper's steps, made slowly from the outputs of the networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch

from overfeat.config import InferSettings, MergeSettings
from overfeat.images.resize import resize_to
from overfeat.inference.batches import Picture
from overfeat.inference.calibration import Calibration
from overfeat.inference.dense import at_all_offsets
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.localization import Guesses, localizations, localize
from overfeat.inference.votes import read_votes
from overfeat.inference.windows import input_hw
from overfeat.models.network import OverFeat, initialize, normalize
from overfeat.models.regressor import Regressor
from overfeat.models.tables import ModelTable, Stage
from overfeat.results.schemas import LOCALIZATIONS

CLASSES = 6
TABLE = ModelTable(
    "tiny",
    (Stage("conv", 8, 5, pool=2), Stage("conv", 16, 3, pad=1, pool=3), Stage("full", 16, 2), Stage("full", 0, 1)),
    ((0, 0), (1, 1), (2, 2)),
    regressor=(16, 8),
)
NAMES = tuple(f"class {i}" for i in range(CLASSES))
CPU = torch.device("cpu")
SIZES = [(40, 40), (40, 52), (60, 33)]


def make_members(count: int, per_class: bool, names: Sequence[str]) -> tuple[list[OverFeat], list[Regressor]]:
    nets, regressors = [], []
    for seed in range(count):
        net = OverFeat(TABLE, len(names)).eval()
        initialize(net, "he", seed)
        net.class_names = list(names)
        regressor = Regressor(TABLE, list(names), per_class).eval()
        initialize(regressor, "he", seed)
        with torch.no_grad():  # boxes of the size of a window that differ between windows
            net.classifier[-1].weight.mul_(10)
            regressor.head[-1].weight.mul_(6)
            regressor.head[-1].bias.copy_(torch.tensor([-0.4, -0.4, 0.4, 0.4]).repeat(len(names) if per_class else 1))
        nets.append(net)
        regressors.append(regressor)
    return nets, regressors


def make_pictures() -> list[Picture]:
    generator = torch.Generator().manual_seed(3)
    pixels = [torch.randint(256, (3, h, w), dtype=torch.uint8, generator=generator) for h, w in SIZES]
    return [Picture(f"p{i}", "val", p, (2 * p.shape[1], 2 * p.shape[2])) for i, p in enumerate(pixels)]


@dataclass
class Seen:
    """All windows of one picture, in the order of the evidence."""

    scales: np.ndarray
    flips: np.ndarray
    coarse: np.ndarray
    maps: np.ndarray
    outputs: np.ndarray
    """(windows, classes)"""
    boxes: np.ndarray
    """(windows, 1 or classes, 4)"""


@torch.inference_mode()
def look(
    nets: list[OverFeat], regressors: list[Regressor], picture: Picture, infer: InferSettings, scores: str
) -> Seen:
    columns: list[list[Any]] = [[], [], [], [], [], []]
    maps = 0
    for net, regressor in zip(nets, regressors, strict=True):
        for scale in infer.scales:
            size = input_hw(net.geometry, scale, *picture.original_hw, infer.sizes)
            pixels = resize_to(picture.pixels, size)
            for flip in (False, True) if infer.flips else (False,):
                shown = normalize(pixels.flip(-1) if flip else pixels)[None].contiguous(
                    memory_format=torch.channels_last
                )
                heads = [net.classifier, regressor.head]
                logits, edges = (o[0] for o in at_all_offsets(heads, net.features(shown), net.geometry.pool))
                values = (logits.softmax(0) if scores == "probabilities" else logits).double().numpy()
                edges = edges.double().numpy()
                for row in range(logits.shape[1]):
                    for col in range(logits.shape[2]):
                        said = edges[:, row, col].reshape(-1, 4)
                        boxes = [plain_box(net, one, row, col, size, picture.original_hw, flip) for one in said]
                        coarse = row % net.geometry.pool == 0 and col % net.geometry.pool == 0
                        new = (scale, flip, coarse, maps, values[:, row, col], boxes)
                        for column, value in zip(columns, new, strict=True):
                            column.append(value)
                maps += 1
    return Seen(*(np.array(column) for column in columns))


def plain_box(
    net: OverFeat, edges: np.ndarray, row: int, col: int, size: Any, original: Any, flip: bool
) -> list[float]:
    """One window's box: from window sides to the input's pixels, mirrored back, to the original's, cut to it."""
    top, left, side = row * net.fine_stride, col * net.fine_stride, net.window
    xs = sorted(left + side / 2 + edges[[0, 2]] * side)
    ys = sorted(top + side / 2 + edges[[1, 3]] * side)
    if flip:
        xs = [size[1] - xs[1], size[1] - xs[0]]
    xs = [min(max(x * (original[1] / size[1]), 0), original[1]) for x in xs]
    ys = [min(max(y * (original[0] / size[0]), 0), original[0]) for y in ys]
    return [float(np.float32(value)) for value in (xs[0], ys[0], xs[1], ys[1])]


def plain_scores(box: np.ndarray, others: np.ndarray, match: str) -> np.ndarray:
    """The match score of one box with others."""
    centre, centres = (box[:2] + box[2:]) * 0.5, (others[:, :2] + others[:, 2:]) * 0.5
    apart = np.sqrt(((centre - centres) ** 2).sum(1))
    sides = np.maximum(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0)
    shared = sides[:, 0] * sides[:, 1]
    if match == "literal":
        return np.asarray(apart + shared)
    lengths = others[:, 2:] - others[:, :2]
    areas, own = lengths[:, 0] * lengths[:, 1], (box[2] - box[0]) * (box[3] - box[1])
    diagonals = np.sqrt((lengths**2).sum(1)) + np.sqrt(((box[2:] - box[:2]) ** 2).sum())
    union = areas + own - shared
    ious = np.divide(shared, union, out=np.zeros_like(union), where=union > 0)  # some were cut to nothing
    return np.where((box == others).all(1), 0.0, apart / (0.5 * diagonals) + 1 - ious)


def plain_merge(boxes: np.ndarray, threshold: float, match: str) -> list[list[int]]:
    """Step (d): the best pair of all, again and again; return the members of every merged box."""
    order = np.lexsort(boxes.T[::-1])
    boxes = boxes[order].copy()
    members = [[int(i)] for i in order]
    table = np.full((len(boxes), len(boxes)), np.inf)
    for i in range(len(boxes)):
        table[i, i + 1 :] = plain_scores(boxes[i], boxes[i + 1 :], match)
    while len(boxes) > 1:
        i, j = divmod(int(table.argmin()), len(boxes))
        if table[i, j] > threshold:
            break
        share = len(members[j]) / (len(members[i]) + len(members[j]))
        boxes[i] += (boxes[j] - boxes[i]) * share
        members[i] += members[j]
        members[j] = []
        table[j, :] = table[:, j] = np.inf
        alive = np.array([k for k, m in enumerate(members) if m and k != i], np.int64)
        scores = plain_scores(boxes[i], boxes[alive], match)
        table[np.minimum(i, alive), np.maximum(i, alive)] = scores
    return [m for m in members if m]


def plain_guesses(seen: Seen, merge: MergeSettings, given: int | None = None) -> list[dict[str, Any]]:
    """Steps (a) to (d) for one picture."""
    votes = np.isin(seen.scales, merge.scales or seen.scales) & (merge.flips | ~seen.flips)
    votes &= seen.coarse | (merge.offsets == "fine")
    chosen: dict[int, list[int]] = {}  # scales by class
    for scale in np.unique(seen.scales[votes]):
        here = votes & (seen.scales == scale)
        maxima = [seen.outputs[here & (seen.maps == m)].max(0) for m in np.unique(seen.maps[here])]
        best = np.argsort(-np.mean(maxima, axis=0), kind="stable")[: merge.classes_per_scale]
        for index in best if given is None else [given]:
            chosen.setdefault(int(index), []).append(int(scale))
    threshold = merge.threshold if merge.threshold is not None else {"normalized": 0.5, "literal": 50.0}[merge.match]
    guesses, merged = [], {}
    for index, scales in chosen.items():
        windows = np.flatnonzero(votes & np.isin(seen.scales, scales))
        boxes = seen.boxes[windows, index % seen.boxes.shape[1]]
        key = boxes.tobytes()  # classes often have the same boxes
        if key not in merged and merge.boxes == "merge":
            merged[key] = plain_merge(boxes, threshold, merge.match)
        found = merged.get(key) or [[i] for i in range(len(boxes))]
        sums = [seen.outputs[windows[m], index].sum() for m in found]
        top = found[int(np.argmax(sums))]
        score, mean = max(sums), boxes[top].mean(0)
        guesses.append({"class": index, "score": score, "box": mean, "members": sorted(windows[top].tolist())})
    ordered = sorted(guesses, key=lambda guess: -guess["score"])[: merge.top_k]
    return [guess | {"windows": int(votes.sum())} for guess in ordered]


def of_picture(guesses: Guesses, position: int) -> list[int]:
    return np.flatnonzero(guesses.pictures == position).tolist()


@lru_cache
def gathered(members: int, per_class: bool, infer: InferSettings, names: tuple[str, ...]) -> Any:
    nets, regressors = make_members(members, per_class, names)
    return gather_evidence(nets, regressors, make_pictures(), infer, "run", CPU)


@lru_cache
def seen_in(members: int, per_class: bool, infer: InferSettings, names: tuple[str, ...], scores: str) -> list[Seen]:
    nets, regressors = make_members(members, per_class, names)
    return [look(nets, regressors, picture, infer, scores) for picture in make_pictures()]


def equal_to_plain(
    merge: MergeSettings,
    members: int = 1,
    per_class: bool = False,
    infer: InferSettings | None = None,
    given: Mapping[str, int] | None = None,
    names: tuple[str, ...] = NAMES,
) -> None:
    # All classes are kept at every window, and a picture is worked at a time, so that its numbers are bit for bit ours.
    infer = infer or InferSettings(scales=(1, 2), top_k=len(names), batch_windows=1)
    votes = read_votes(gathered(members, per_class, infer, names), len(names), merge)
    guesses = localize(votes, merge, given)
    pictures = seen_in(members, per_class, infer, names, merge.scores)
    for position, seen in enumerate(pictures):
        rows = of_picture(guesses, position)
        if given is not None and f"p{position}" not in given:
            assert rows == []
            continue
        expected = plain_guesses(seen, merge, None if given is None else given[f"p{position}"])
        assert guesses.classes[rows].tolist() == [guess["class"] for guess in expected]
        assert guesses.ranks[rows].tolist() == list(range(1, len(rows) + 1))
        assert [guesses.members[row].tolist() for row in rows] == [guess["members"] for guess in expected]
        np.testing.assert_allclose(guesses.boxes[rows], [guess["box"] for guess in expected], rtol=1e-5, atol=1e-4)
        scores = np.array([guess["score"] for guess in expected])
        np.testing.assert_allclose(guesses.scores[rows], scores, rtol=1e-4)
        np.testing.assert_allclose(
            np.exp(guesses.features[rows, 0]), np.maximum(scores / expected[0]["windows"], 1e-6), rtol=1e-4
        )
        scales = [np.unique(seen.scales[guess["members"]]).tolist() for guess in expected]
        assert [guesses.scales[row].tolist() for row in rows] == scales


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"classes_per_scale": 1},
        {"classes_per_scale": 2},
        {"classes_per_scale": CLASSES, "top_k": 9},
        {"threshold": 0.0},
        {"threshold": 0.2},
        {"threshold": 0.9},
        {"threshold": 1.5},
        {"match": "literal"},
        {"match": "literal", "threshold": 400.0},
        {"boxes": "nms"},
        {"offsets": "coarse", "classes_per_scale": 2},
        {"scales": (2,)},
        {"flips": False, "classes_per_scale": 2},
        {"scores": "logits", "classes_per_scale": 2},
    ],
    ids=str,
)
def test_equals_the_plain_steps(changes: dict[str, Any]) -> None:
    equal_to_plain(MergeSettings(**changes))


@pytest.mark.parametrize("per_class", [False, True])
def test_several_members_and_scales_equal_the_plain_steps(per_class: bool) -> None:
    infer = InferSettings(scales=(1, 3), top_k=CLASSES, batch_windows=1, sizes="paper")
    equal_to_plain(MergeSettings(classes_per_scale=2), members=2, per_class=per_class, infer=infer)


@pytest.mark.parametrize("changes", [{}, {"classes_per_scale": 1, "threshold": 0.9}, {"boxes": "nms"}], ids=str)
def test_a_box_for_every_class_equals_the_plain_steps(changes: dict[str, Any]) -> None:
    equal_to_plain(MergeSettings(**changes), per_class=True)


@pytest.mark.parametrize("per_class", [False, True])
def test_a_given_class_takes_all_scales(per_class: bool) -> None:
    given = {"p0": 5, "p2": 0, "unknown": 1}
    equal_to_plain(MergeSettings(classes_per_scale=1), per_class=per_class, given=given)


def test_one_class() -> None:
    equal_to_plain(MergeSettings(), names=("only",))


def test_no_pictures() -> None:
    nets, regressors = make_members(1, False, NAMES)
    votes = read_votes(gather_evidence(nets, regressors, [], InferSettings(), "run", CPU), CLASSES, MergeSettings())
    for given in (None, {"p0": 1}):
        guesses = localize(votes, MergeSettings(), given)
        table = localizations(votes, guesses, NAMES, None, "run", "m")
        assert table.num_rows == 0
        assert table.schema.equals(LOCALIZATIONS)


def test_members_are_the_windows_whose_mean_box_it_is_and_the_score_is_their_share() -> None:
    infer, merge = InferSettings(scales=(1, 2), top_k=2), MergeSettings(threshold=0.6)  # outputs are missing
    votes = read_votes(gathered(1, False, infer, NAMES), CLASSES, merge)
    guesses, again = localize(votes, merge), localize(votes, merge)
    assert len(guesses.pictures) == 15
    totals = np.bincount(votes.window_pictures)
    for row, members in enumerate(guesses.members):
        picture, index = guesses.pictures[row], guesses.classes[row]
        assert members.tolist() == sorted(set(members.tolist()))
        windows = np.flatnonzero((votes.window_pictures == picture) & np.isin(votes.windows, members))
        assert len(windows) == len(members)
        np.testing.assert_allclose(guesses.boxes[row], votes.boxes[windows].mean(0), atol=1e-6)
        entries = np.isin(votes.entry_windows, windows) & (votes.entry_classes == index)
        assert guesses.scores[row] == pytest.approx(votes.outputs[entries].sum())
        share = guesses.scores[row] / totals[picture]
        assert 0 <= share <= 1
        box = guesses.boxes[row]
        area = max(1.0, (box[2] - box[0]) * (box[3] - box[1]))
        expected = [np.log(share), guesses.scores[row] / len(members), np.log(area)]
        np.testing.assert_allclose(guesses.features[row], expected, rtol=1e-6)
    for name in ("pictures", "classes", "ranks", "scores", "boxes"):
        np.testing.assert_array_equal(getattr(guesses, name), getattr(again, name))


def test_pictures_do_not_depend_on_each_other() -> None:
    infer, merge = InferSettings(scales=(1, 2), top_k=CLASSES, batch_windows=1), MergeSettings()
    nets, regressors = make_members(1, False, NAMES)
    together = localize(read_votes(gathered(1, False, infer, NAMES), CLASSES, merge), merge)
    for position, picture in enumerate(make_pictures()):
        evidence = gather_evidence(nets, regressors, [picture], infer, "run", CPU)
        alone = localize(read_votes(evidence, CLASSES, merge), merge)
        rows = of_picture(together, position)
        np.testing.assert_array_equal(together.boxes[rows], alone.boxes)
        np.testing.assert_array_equal(together.classes[rows], alone.classes)


@pytest.mark.parametrize("per_class", [False, True])
def test_the_evidence_holds_the_boxes_of_the_classes_it_keeps(per_class: bool) -> None:
    nets, regressors = make_members(1, per_class, NAMES)
    infer, picture = InferSettings(scales=(2,), top_k=2, batch_windows=1), make_pictures()[1]
    seen = look(nets, regressors, picture, infer, "probabilities")
    rows = gather_evidence(nets, regressors, [picture], infer, "run", CPU).to_pylist()
    assert len(rows) == len(seen.boxes)
    for row, boxes, outputs in zip(rows, seen.boxes, seen.outputs, strict=True):
        best = int(outputs.argmax()) if per_class else 0
        assert [row[f"box_{side}"] for side in ("x1", "y1", "x2", "y2")] == pytest.approx(boxes[best], abs=1e-4)
        if per_class:
            assert row["class_boxes"] == pytest.approx(boxes[row["class_indices"]].ravel(), abs=1e-4)
        else:
            assert row["class_boxes"] is None


def test_rows_of_the_table() -> None:
    infer = InferSettings(scales=(1, 2), flips=False)
    votes = read_votes(gathered(1, False, infer, NAMES), CLASSES, MergeSettings())
    guesses = localize(votes, MergeSettings())
    calibration = Calibration((2.0, 1.0, 0.1), 1.0, 9, {NAMES[0]: 0.5})
    table = localizations(votes, guesses, NAMES, calibration, "the run", "the model")
    assert table.schema.equals(LOCALIZATIONS)
    frame = table.to_pandas()
    assert frame["image_id"].tolist() == [f"p{i}" for i in guesses.pictures]
    assert frame["label"].tolist() == [NAMES[i] for i in guesses.classes]
    np.testing.assert_allclose(frame["confidence"], calibration.confidence(guesses.features, frame["label"]), rtol=1e-6)
    np.testing.assert_allclose(frame[["x1", "y1", "x2", "y2"]], guesses.boxes, rtol=1e-6)
    assert [m.tolist() for m in frame["members"]] == [m.tolist() for m in guesses.members]
    assert frame.groupby("image_id", observed=True)["rank"].apply(list).tolist() == [[1, 2, 3, 4, 5]] * 3
    assert set(frame["run"]) == {"the run"}
    assert set(frame["model"]) == {"the model"}
    assert localizations(votes, guesses, NAMES, None, "", "")["confidence"].null_count == len(frame)
