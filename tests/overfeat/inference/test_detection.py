"""Detection from the evidence against the plain merge, picture by picture and class by class."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from overfeat.config import InferSettings, MergeSettings
from overfeat.errors import SettingsError
from overfeat.inference.batches import Picture
from overfeat.inference.calibration import Calibration
from overfeat.inference.detection import Found, detect, detections, for_detection, processed
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.merge import merge_boxes
from overfeat.inference.votes import Votes, read_votes
from overfeat.models.network import OverFeat, initialize
from overfeat.models.regressor import Regressor
from overfeat.models.tables import ModelTable, Stage
from overfeat.results.schemas import BOX_COLUMNS, DETECTIONS, PROCESSED, WINDOWS
from overfeat.results.store import as_table

NAMES = ["cat", "dog", "eel", "background"]
BACKGROUND = 3
MERGE = MergeSettings(detection_min_score=0.3)
Row = dict[str, Any]
Object = dict[str, Any]


def make_rows(seed: int, pictures: int, step: float, spread: float, per_class: bool) -> list[Row]:
    """Make evidence: windows of some maps, whose boxes lie around a few places, some equal if ``step`` is not 0."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for picture in range(pictures):
        window = 0
        places = rng.uniform(0, 120, (3, 4))
        for scale in (1, 2, 4):
            for flip in (False, True):
                for cell in range(int(rng.integers(1, 5))):
                    classes = np.sort(rng.permutation(len(NAMES))[: rng.integers(1, len(NAMES) + 1)])
                    boxes = np.array([make_box(rng, places, step, spread) for _ in range(len(classes) + 1)])
                    rows.append(
                        make_row(f"p{picture}", scale, flip, window, cell, classes, rng.normal(-1, 1, len(classes)))
                        | dict(zip(BOX_COLUMNS, boxes[-1], strict=True))
                        | {"class_boxes": boxes[:-1].ravel() if per_class else None}
                    )
                    window += 1
    return rows


def make_box(rng: np.random.Generator, places: np.ndarray, step: float, spread: float) -> np.ndarray:
    corners = places[rng.integers(len(places))] + rng.normal(size=4) * spread
    corners = np.round(corners / step) * step if step else corners
    return np.concatenate([np.minimum(corners[:2], corners[2:]), np.maximum(corners[:2], corners[2:])])


def make_row(
    image_id: str, scale: int, flip: bool, window: int, col: int, classes: Sequence[int], logits: Sequence[float]
) -> Row:
    best = int(classes[int(np.argmax(logits))])
    return {
        **{"run": "run", "image_id": image_id, "split": "val", "member": 0, "scale": scale, "flip": flip},
        **{"window": window, "row": 0, "col": col, "offset_y": 0, "offset_x": col % 2},
        **{"x1": 0.0, "y1": 0.0, "x2": 9.0, "y2": 9.0, "label": NAMES[best], "score": 0.0, "log_partition": 0.25},
        "class_indices": np.array(classes),
        "logits": np.minimum(np.array(logits), 0.25),
    }


def as_evidence(rows: list[Row]) -> pa.Table:
    return as_table({name: [row[name] for row in rows] for name in WINDOWS.names}, WINDOWS)


def find(evidence: pa.Table, merge: MergeSettings) -> tuple[Votes, Found]:
    votes = read_votes(evidence, len(NAMES), for_detection(merge))
    return votes, detect(votes, merge)


def suppress(boxes: np.ndarray, scores: np.ndarray) -> list[tuple[np.ndarray, float, list[int]]]:
    """The oracle of non-maximum suppression: take the best, drop what overlaps it by more than half, again."""
    left, kept = sorted(range(len(boxes)), key=lambda i: -scores[i]), []
    while left:
        best, *left = left
        kept.append((boxes[best], scores[best], [best]))
        left = [i for i in left if plain_iou(boxes[best], boxes[i]) <= 0.5]
    return kept


def plain_iou(a: np.ndarray, b: np.ndarray) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return float(shared / union) if union > 0 else 0.0


def plain_found(evidence: pa.Table, merge: MergeSettings) -> list[Object]:
    """The oracle: rows of the evidence that vote, merged for every picture and class by themselves."""
    voters = [
        row
        for row in evidence.to_pylist()
        if (merge.detection_scales is None or row["scale"] in merge.detection_scales)
        and (merge.flips or not row["flip"])
        and (merge.offsets == "fine" or row["offset_y"] == row["offset_x"] == 0)
    ]
    groups: dict[tuple[str, int], list[tuple[Row, list[float], float]]] = {}
    for row in voters:
        for number, (index, logit) in enumerate(zip(row["class_indices"], row["logits"], strict=True)):
            output = float(np.exp(logit - row["log_partition"]))
            if index != BACKGROUND and output >= merge.detection_min_score:
                own = [row[name] for name in BOX_COLUMNS]
                box = row["class_boxes"][4 * number : 4 * number + 4] if row["class_boxes"] else own
                groups.setdefault((row["image_id"], index), []).append((row, box, output))
    found = []
    for (image_id, index), entries in groups.items():
        boxes, scores = np.array([entry[1] for entry in entries]), np.array([entry[2] for entry in entries])
        if merge.boxes == "nms":
            merged = suppress(boxes, scores)
        else:
            merged = list(zip(*merge_boxes(boxes, scores, merge.detection_threshold, merge.match), strict=True))
        windows = sum(row["image_id"] == image_id for row in voters)
        for box, score, members in merged:
            rows = [entries[i][0] for i in members]
            found.append(
                {
                    "key": (image_id, index, tuple(sorted(row["window"] for row in rows))),
                    "scales": sorted({row["scale"] for row in rows}),
                    "numbers": [score, score / windows, *box],
                }
            )
    return sorted(found, key=lambda one: one["key"])


def as_objects(votes: Votes, found: Found) -> list[Object]:
    """Return what was found as the oracle does, after a look at the order."""
    order = np.lexsort([*found.boxes.T[::-1], found.classes, -found.scores, found.pictures])
    assert order.tolist() == list(range(len(found.pictures)))
    objects = [
        {
            "key": (votes.image_ids[picture], int(index), tuple(members.tolist())),
            "scales": scales.tolist(),
            "numbers": [score, share, *box],
        }
        for picture, index, members, scales, score, share, box in zip(
            *(
                found.pictures,
                found.classes,
                found.members,
                found.scales,
                found.scores,
                np.exp(found.features[:, 0]),
                found.boxes,
            ),
            strict=True,
        )
    ]
    return sorted(objects, key=lambda one: one["key"])


def equal_to_plain(evidence: pa.Table, merge: MergeSettings) -> list[Object]:
    expected, got = plain_found(evidence, merge), as_objects(*find(evidence, merge))
    for name in ("key", "scales"):
        assert [one[name] for one in got] == [one[name] for one in expected]
    np.testing.assert_allclose(
        np.array([one["numbers"] for one in got]), np.array([one["numbers"] for one in expected]), rtol=1e-9
    )
    return expected


made = {
    "seed": st.integers(0, 2**32),
    "pictures": st.integers(1, 3),
    "spread": st.sampled_from([0.0, 2.0, 8.0, 40.0]),
    "per_class": st.booleans(),
}
some_settings = st.builds(
    MergeSettings,
    detection_threshold=st.sampled_from([None, 0.0, 0.2, 0.9, 1.6]),
    detection_min_score=st.sampled_from([0.0, 0.1, 0.3, 0.7]),
    detection_scales=st.sampled_from([None, (1,), (2, 4)]),
    flips=st.booleans(),
    offsets=st.sampled_from(["fine", "coarse"]),
    scores=st.sampled_from(["probabilities", "logits"]),  # probabilities in any case
    scales=st.sampled_from([None, (4,)]),  # those of recognition
)


@settings(deadline=None)
@given(**made, step=st.sampled_from([0.0, 10.0]), merge=some_settings)
def test_equals_the_plain_merge_of_each_picture_and_class(
    seed: int, pictures: int, spread: float, per_class: bool, step: float, merge: MergeSettings
) -> None:
    equal_to_plain(as_evidence(make_rows(seed, pictures, step, spread, per_class)), merge)


@settings(deadline=None, max_examples=40)
@given(**made, threshold=st.sampled_from([None, 0.0, 400.0]))
def test_with_the_literal_match_score(
    seed: int, pictures: int, spread: float, per_class: bool, threshold: float | None
) -> None:
    assume(spread > 0)  # this score keeps equal boxes apart, and by nothing but their order
    merge = MergeSettings(match="literal", detection_threshold=threshold, detection_min_score=0.1)
    equal_to_plain(as_evidence(make_rows(seed, pictures, 0.0, spread, per_class)), merge)


@settings(deadline=None, max_examples=40)
@given(**made, min_score=st.sampled_from([0.0, 0.3]))
def test_non_maximum_suppression(seed: int, pictures: int, spread: float, per_class: bool, min_score: float) -> None:
    merge = MergeSettings(boxes="nms", detection_min_score=min_score)
    rows = make_rows(seed, pictures, 0.0, spread, per_class)
    for row in rows:
        row["logits"] = np.random.default_rng([seed, row["window"]]).uniform(-3, 0, len(row["logits"]))  # no equals
    for one in equal_to_plain(as_evidence(rows), merge):
        assert len(one["key"][2]) == 1


def one_window(number: int, box: Sequence[float], image_id: str = "p", scale: int = 1, **outputs: float) -> Row:
    """Return a window with these outputs by class."""
    classes = [NAMES.index(name) for name in outputs]
    logits = [np.log(output) + 0.25 for output in outputs.values()]
    row = make_row(image_id, scale, False, number, number, classes, logits)
    return row | dict(zip(BOX_COLUMNS, box, strict=True)) | {"class_boxes": None}


HERE, NEAR, THERE = (10.0, 10.0, 30.0, 30.0), (12.0, 10.0, 32.0, 30.0), (60.0, 60.0, 90.0, 80.0)


def test_by_hand() -> None:
    rows = [
        one_window(0, HERE, cat=0.5, background=0.5),
        one_window(1, NEAR, scale=2, cat=0.25, dog=0.625),
        one_window(2, THERE, scale=2, cat=0.875, background=0.125),
        one_window(3, THERE, scale=4, eel=0.125, background=0.875),
    ]
    votes, found = find(as_evidence(rows), MergeSettings(detection_min_score=0.2))
    assert votes.image_ids == ["p"]
    assert found.pictures.tolist() == [0, 0, 0]
    assert [NAMES[index] for index in found.classes] == ["cat", "cat", "dog"]
    np.testing.assert_allclose(found.scores, [0.875, 0.75, 0.625], rtol=1e-6)
    np.testing.assert_allclose(np.exp(found.features[:, 0]), found.scores / 4)
    np.testing.assert_allclose(found.features[:, 1], [0.875, 0.375, 0.625], rtol=1e-6)
    np.testing.assert_allclose(np.exp(found.features[:, 2]), [600, 400, 400])
    assert found.boxes.tolist() == [list(THERE), [11, 10, 31, 30], list(NEAR)]


def test_background_never_votes_however_sure() -> None:
    rows = [one_window(i, HERE, background=1.0, cat=0.2) for i in range(5)]
    _, found = find(as_evidence(rows), MERGE)
    assert len(found.pictures) == 0
    _, found = find(as_evidence(rows), MergeSettings(detection_min_score=0.0))
    assert found.classes.tolist() == [0]
    assert found.scores == pytest.approx([1.0])


def test_only_windows_that_find_a_class_likely_enough_vote_for_it() -> None:
    rows = [one_window(0, HERE, cat=0.5, dog=0.4), one_window(1, HERE, cat=0.2, dog=0.6)]
    for least, expected in [(0.1, {0: [0, 1], 1: [0, 1]}), (0.3, {0: [0], 1: [0, 1]}), (0.55, {1: [1]}), (0.7, {})]:
        _, found = find(as_evidence(rows), MergeSettings(detection_min_score=least))
        members = [part.tolist() for part in found.members]
        assert dict(zip(found.classes.tolist(), members, strict=True)) == expected


def test_the_least_probability_is_enough() -> None:
    _, found = find(as_evidence([one_window(0, HERE, cat=1.0)]), MergeSettings(detection_min_score=1.0))
    assert found.scores.tolist() == [1.0]


def test_order_is_by_picture_then_falling_score_then_class() -> None:
    rows = [
        one_window(0, THERE, "a", cat=0.5),
        one_window(1, HERE, "a", cat=0.5, dog=0.5),
        one_window(2, (200.0, 0.0, 230.0, 20.0), "a", eel=0.75),
        one_window(0, HERE, "b", dog=1.0),
    ]
    votes, found = find(as_evidence(rows), MERGE)
    lefts = zip(found.pictures, found.classes, found.boxes[:, 0], strict=True)
    seen = [(votes.image_ids[picture], NAMES[index], left) for picture, index, left in lefts]
    assert seen == [("a", "eel", 200), ("a", "cat", 10), ("a", "cat", 60), ("a", "dog", 10), ("b", "dog", 10)]


def test_members_and_scales_are_those_of_the_windows() -> None:
    rows = [
        one_window(0, HERE, scale=1, cat=0.5),
        one_window(1, THERE, scale=1, cat=0.5),
        one_window(7, HERE, scale=4, cat=0.5),
        one_window(9, HERE, scale=4, dog=0.5),
        one_window(3, HERE, scale=4, cat=0.75),
    ]
    _, found = find(as_evidence(rows), MERGE)
    assert [part.tolist() for part in found.members] == [[0, 3, 7], [1], [9]]
    assert [part.tolist() for part in found.scales] == [[1, 4], [1], [4]]


def test_each_class_has_its_own_box_where_the_regressor_gives_one() -> None:
    rows = [one_window(0, HERE, cat=0.5, dog=0.4, background=0.1)]
    rows[0]["class_boxes"] = np.array([*HERE, *THERE, *NEAR])
    _, found = find(as_evidence(rows), MERGE)
    assert found.boxes.tolist() == [list(HERE), list(THERE)]


TABLE = ModelTable(
    "tiny",
    (Stage("conv", 8, 5, pool=2), Stage("conv", 16, 3, pad=1, pool=3), Stage("full", 16, 2), Stage("full", 0, 1)),
    ((0, 0), (1, 1), (2, 2), (3, 3)),
    regressor=(16, 8),
)


def gathered(per_class: bool, margin: int) -> pa.Table:
    """Return the evidence of two members on two pictures of noise."""
    nets, regressors = [], []
    for seed in range(2):
        net, regressor = OverFeat(TABLE, len(NAMES)).eval(), Regressor(TABLE, NAMES, per_class).eval()
        initialize(net, "he", seed)
        initialize(regressor, "he", seed)
        net.class_names = NAMES
        with torch.no_grad():  # boxes of the size of a window, and outputs that differ
            net.classifier[-1].weight.mul_(10)
            regressor.head[-1].weight.mul_(6)
            regressor.head[-1].bias.copy_(torch.tensor([-0.4, -0.4, 0.4, 0.4]).repeat(4 if per_class else 1))
        nets.append(net)
        regressors.append(regressor)
    generator = torch.Generator().manual_seed(1)
    shapes = enumerate([(40, 40), (40, 52)])
    pictures = [
        Picture(f"p{i}", "val", torch.randint(256, (3, h, w), dtype=torch.uint8, generator=generator), (2 * h, 2 * w))
        for i, (h, w) in shapes
    ]
    infer = InferSettings(scales=(1, 2), top_k=4)
    return gather_evidence(nets, regressors, pictures, infer, "run", torch.device("cpu"), margin)


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize(
    "merge", [MERGE, replace(MERGE, detection_threshold=1.2, detection_scales=(2,), flips=False)], ids=["all", "some"]
)
def test_evidence_of_networks_equals_the_plain_merge(merge: MergeSettings, per_class: bool) -> None:
    expected = equal_to_plain(gathered(per_class, margin=6), merge)
    assert {one["key"][0] for one in expected} == {"p0", "p1"}
    assert max(len(one["key"][2]) for one in expected) > 1


def test_the_votes_are_probabilities_of_the_scales_of_detection() -> None:
    merge = MergeSettings(scores="logits", scales=(1,), detection_scales=(2, 4), flips=False)
    settings = for_detection(merge)
    assert (settings.scores, settings.scales, settings.flips) == ("probabilities", (2, 4), False)
    assert for_detection(MergeSettings(scales=(1,))).scales is None
    with pytest.raises(SettingsError, match=r"\[3\]"):
        find(as_evidence(make_rows(0, 1, 0.0, 2.0, False)), MergeSettings(detection_scales=(2, 3)))


def test_rows_of_the_table() -> None:
    evidence = as_evidence(make_rows(5, 3, 0.0, 8.0, per_class=False))
    votes, found = find(evidence, MergeSettings(detection_min_score=0.1))
    calibration = Calibration((2.0, 1.0, 0.1), 1.0, 9, {NAMES[0]: 0.5})
    table = detections(votes, found, NAMES, calibration, "the run", "the model")
    assert table.schema.equals(DETECTIONS)
    frame = table.to_pandas()
    assert len(frame) > 6
    assert frame["image_id"].tolist() == [f"p{i}" for i in found.pictures]
    assert frame["label"].tolist() == [NAMES[i] for i in found.classes]
    np.testing.assert_allclose(frame["score"], found.scores, rtol=1e-6)
    np.testing.assert_allclose(frame["confidence"], calibration.confidence(found.features, frame["label"]), rtol=1e-6)
    np.testing.assert_allclose(frame[["x1", "y1", "x2", "y2"]], found.boxes, rtol=1e-6)
    assert [part.tolist() for part in frame["members"]] == [part.tolist() for part in found.members]
    assert [part.tolist() for part in frame["scales"]] == [part.tolist() for part in found.scales]
    assert set(frame["run"]) == {"the run"}
    assert set(frame["model"]) == {"the model"}
    assert set(frame["split"]) == {"val"}
    assert detections(votes, found, NAMES, None, "", "")["confidence"].null_count == len(frame)


def looked_at() -> pa.Table:
    """Two windows find something in the first picture, none does in the second."""
    rows = [one_window(0, HERE, "a", cat=0.9), one_window(1, THERE, "a", scale=2, cat=0.9, dog=0.5)]
    rows += [one_window(i, HERE, "b", scale=1 + i % 2, background=0.9, dog=0.1) for i in range(3)]
    return as_evidence(rows)


def test_a_picture_in_which_nothing_is_found_has_a_row_with_0() -> None:
    votes, found = find(looked_at(), MERGE)
    table = processed(votes, found, "detection", "the run", "the model")
    assert table.schema.equals(PROCESSED)
    common = {"run": "the run", "task": "detection", "model": "the model", "split": "val"}
    assert table.to_pylist() == [
        common | {"image_id": "a", "windows": 2, "detections": 3},
        common | {"image_id": "b", "windows": 3, "detections": 0},
    ]
    votes, found = find(looked_at(), replace(MERGE, detection_scales=(1,)))
    counts = processed(votes, found, "detection", "", "").select(["windows", "detections"]).to_pylist()
    assert counts == [{"windows": 1, "detections": 1}, {"windows": 2, "detections": 0}]


def test_where_no_objects_were_looked_for_their_number_is_null() -> None:
    votes = read_votes(looked_at(), len(NAMES), MergeSettings())
    table = processed(votes, None, "recognition", "run", "m")
    assert table["detections"].to_pylist() == [None, None]
    assert table["task"].to_pylist() == ["recognition"] * 2


@pytest.mark.parametrize("merge", [MERGE, replace(MERGE, boxes="nms")], ids=["merge", "nms"])
@pytest.mark.parametrize(
    "evidence", [lambda: as_evidence([one_window(0, HERE, background=1.0)]), WINDOWS.empty_table], ids=["one", "none"]
)
def test_nothing_found_gives_no_row(merge: MergeSettings, evidence: Callable[[], pa.Table]) -> None:
    votes, found = find(evidence(), merge)
    assert found.members == found.scales == []
    assert found.boxes.shape == (0, 4)
    table = detections(votes, found, NAMES, Calibration((1.0, 0.0, 0.0), 0.0, 1), "run", "m")
    assert table.num_rows == 0
    assert table.schema.equals(DETECTIONS)
    assert processed(votes, found, "detection", "run", "m")["detections"].to_pylist() == [0] * len(votes.image_ids)
