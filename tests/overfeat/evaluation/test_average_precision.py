"""Average precision, its interval and the curves on cases worked out on paper and against plain resampling."""

import numpy as np
import pandas as pd
import pytest

from overfeat.evaluation.average_precision import (
    average_precisions,
    mean_average_precision,
    mean_interval,
    precision_recall,
)
from overfeat.evaluation.detection import match
from overfeat.evaluation.tally import Interpolation, Tally
from overfeat.results.schemas import BOX

FOUND = ["image_id", "label", "score", *BOX]
TRUE = ["image_id", "label", *BOX, "difficult", "crowd"]
HERE, THERE, NOWHERE = (0, 0, 40, 40), (100, 0, 140, 40), (0, 200, 40, 240)

OBJECTS = pd.DataFrame(
    [
        ("a", "cat", *HERE, False, False),
        ("a", "cat", *THERE, False, False),
        ("b", "cat", *HERE, False, False),
        ("b", "cat", *THERE, True, False),  # not counted
        ("b", "dog", *HERE, False, False),
        ("c", "dog", *HERE, False, False),
        ("c", "elk", *HERE, False, False),  # never detected
        ("c", "fox", *HERE, False, True),  # a crowd only
        ("z", "cat", *HERE, False, False),  # another picture
    ],
    columns=TRUE,
)
DETECTIONS = pd.DataFrame(
    [
        ("a", "cat", 0.9, *HERE),  # hit
        ("b", "cat", 0.8, *THERE),  # ignored
        ("a", "cat", 0.7, *HERE),  # the second on one object: false
        ("b", "cat", 0.6, *HERE),  # hit
        ("b", "cat", 0.5, *NOWHERE),  # false
        ("a", "dog", 0.9, *HERE),  # false
        ("b", "dog", 0.8, *HERE),  # hit
        ("c", "dog", 0.7, *HERE),  # hit
        ("c", "eel", 0.7, *HERE),  # false; a class without objects
        ("c", "fox", 0.7, *HERE),  # ignored
        ("z", "dog", 0.9, *HERE),
    ],
    columns=FOUND,
)
IDS, LABELS = ["a", "b", "c", "d"], ["elk", "dog", "cat", "eel", "fox", "gnu"]
MATCHED = match(DETECTIONS, OBJECTS, IDS, "ilsvrc")


@pytest.mark.parametrize(
    ("interpolation", "cat", "dog"),
    [
        # cats: precision 1 at the first of three objects, 2/3 at the second. Dogs: 1/2 at the first of two, raised to
        # the 2/3 at the second.
        ("area", (1 + 2 / 3 + 0) / 3, 2 / 3),
        # one of three cats reaches recalls 0 to 0.3, two 0.4 to 0.6
        ("11-point", (4 * 1 + 3 * 2 / 3) / 11, 2 / 3),
        # 0 to 0.33 and 0.34 to 0.66
        ("101-point", (34 * 1 + 33 * 2 / 3) / 101, 2 / 3),
    ],
)
def test_by_hand(interpolation: Interpolation, cat: float, dog: float) -> None:
    frame = average_precisions(MATCHED, OBJECTS, IDS, LABELS, interpolation)
    assert frame["label"].tolist() == LABELS
    assert frame["objects"].tolist() == [1, 2, 3, 0, 0, 0]
    assert frame["detections"].tolist() == [0, 3, 4, 1, 0, 0]
    assert frame["average_precision"].tolist() == pytest.approx([0, dog, cat, *[np.nan] * 3], nan_ok=True)
    assert mean_average_precision(frame) == pytest.approx((0 + dog + cat) / 3)


def test_a_recall_reached_exactly_counts() -> None:
    # 3 of 10 objects reach recall 0.3, which in floats is less than 3 times 0.1
    boxes = [(50 * n, 0, 50 * n + 40, 40) for n in range(10)]
    objects = pd.DataFrame([("a", "cat", *box, False, False) for box in boxes], columns=TRUE)
    detections = pd.DataFrame([("a", "cat", 0.9, *box) for box in boxes[:3]], columns=FOUND)
    frame = average_precisions(match(detections, objects, "a", "voc"), objects, "a", ["cat"], "11-point")
    assert frame["average_precision"].tolist() == pytest.approx([4 / 11])


def test_all_found_is_one_and_nothing_found_is_zero() -> None:
    detections = OBJECTS.assign(score=0.5)[FOUND]
    frame = average_precisions(match(detections, OBJECTS, IDS, "voc"), OBJECTS, IDS, LABELS)
    assert frame["average_precision"][:3].tolist() == [1, 1, 1]
    assert mean_average_precision(frame) == 1
    frame = average_precisions(MATCHED[:0], OBJECTS, IDS, LABELS)
    assert frame["average_precision"][:3].tolist() == [0, 0, 0]
    assert frame["detections"].tolist() == [0] * 6


def test_without_objects_there_is_no_mean() -> None:
    matched = match(DETECTIONS, OBJECTS[:0], IDS, "ilsvrc")
    frame = average_precisions(matched, OBJECTS[:0], IDS, LABELS)
    assert frame["average_precision"].isna().all()
    assert np.isnan(mean_average_precision(frame))
    assert np.isnan(mean_interval(matched, OBJECTS[:0], IDS, LABELS, 10, seed=0)).all()
    assert average_precisions(matched, OBJECTS, IDS, []).empty


def made(pictures: int) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return detections of distinct scores, objects and pictures."""
    generator = np.random.default_rng(3)
    ids = [f"p{n}" for n in range(pictures)]
    boxes = [(60 * n, 0, 60 * n + 40, 40) for n in range(3)]
    true = [(i, ["cat", "dog"][n % 2], *box) for i in ids for n, box in enumerate(boxes) if generator.random() < 0.6]
    found = [(i, name, generator.random(), *box) for i in ids for name in ("cat", "dog", "elk") for box in boxes]
    objects = pd.DataFrame(true, columns=TRUE[:-2]).assign(difficult=False, crowd=False)
    return pd.DataFrame(found, columns=FOUND), objects, ids


@pytest.mark.parametrize("interpolation", ["area", "11-point"])
def test_the_interval_equals_measuring_copies_of_the_pictures(interpolation: Interpolation) -> None:
    detections, objects, ids = made(pictures=4)  # so few that some resamplings have no dogs
    labels, matched = ["cat", "dog", "elk"], match(detections, objects, ids, "voc")
    generator, means = np.random.default_rng(8), []
    for _ in range(40):
        drawn = [(ids[n], f"{ids[n]}/{copy}") for copy, n in enumerate(generator.integers(len(ids), size=len(ids)))]
        copies = [
            pd.concat([frame[frame["image_id"] == old].assign(image_id=new) for old, new in drawn])
            for frame in (detections, objects)
        ]
        new_ids = [new for _, new in drawn]
        frame = average_precisions(match(*copies, new_ids, "voc"), copies[1], new_ids, labels, interpolation)
        means.append(mean_average_precision(frame))
    mean = mean_average_precision(average_precisions(matched, objects, ids, labels, interpolation))
    interval = mean_interval(matched, objects, ids, labels, 40, seed=8, interpolation=interpolation)
    scattered = np.percentile(means, [2.5, 97.5]) - np.mean(means)
    assert interval == pytest.approx(tuple(np.clip(mean + scattered, 0, 1)), abs=1e-12)
    assert interval[0] < interval[1]


def test_more_pictures_make_a_narrower_interval_around_the_mean() -> None:
    widths = []
    for pictures in (20, 320):
        detections, objects, ids = made(pictures)
        matched = match(detections, objects, ids, "voc")
        low, high = mean_interval(matched, objects, ids, ["cat", "dog"], 200, seed=1)
        mean = mean_average_precision(average_precisions(matched, objects, ids, ["cat", "dog"]))
        assert low < mean < high
        widths.append(high - low)
    assert widths[1] < 0.5 * widths[0]  # a quarter


def test_the_interval_holds_the_mean_where_copies_lift_every_resampling() -> None:
    # 40 classes of 50 objects, each alone in its picture with three false detections; the scores say nothing
    generator = np.random.default_rng(5)
    found, true = [], []
    for k in range(40):
        for n in range(50):
            true.append((f"{k}/{n}", f"c{k}", *HERE, False, False))
            found += [(f"{k}/{n}", f"c{k}", generator.random(), *(HERE if hit else NOWHERE)) for hit in (1, 0, 0, 0)]
    detections, objects = pd.DataFrame(found, columns=FOUND), pd.DataFrame(true, columns=TRUE)
    ids, labels = objects["image_id"].tolist(), [f"c{k}" for k in range(40)]
    matched = match(detections, objects, ids, "voc")
    mean = mean_average_precision(average_precisions(matched, objects, ids, labels))
    low, high = mean_interval(matched, objects, ids, labels, 100, seed=2)
    assert low < mean < high
    plain = []
    for copy in range(20):
        weights = np.bincount(np.random.default_rng(copy).integers(len(ids), size=len(ids)), minlength=len(ids))
        counts, averages = Tally.of(matched, objects, ids, labels).precisions(weights, "area")
        plain.append(averages[counts > 0].mean())
    assert min(plain) > mean
    assert high - low == pytest.approx(4 * np.std(plain), rel=0.5)


def test_resamplings_without_objects_are_left_out() -> None:
    ids = list("abcdefgh")
    objects = OBJECTS[OBJECTS["image_id"] == "a"]  # 1/3 of the resamplings do without this picture
    matched = match(DETECTIONS, objects, ids, "ilsvrc")
    low, high = mean_interval(matched, objects, ids, ["cat"], 50, seed=0)
    assert 0 < low <= high <= 1


def test_curves_by_hand() -> None:
    frame = precision_recall(MATCHED, OBJECTS, IDS, LABELS)
    assert list(frame) == ["label", "score", "recall", "precision"]
    assert frame["label"].tolist() == ["dog"] * 3 + ["cat"] * 4
    assert frame["score"].tolist() == [0.9, 0.8, 0.7, 0.9, 0.7, 0.6, 0.5]
    assert frame["recall"].tolist() == pytest.approx([0, 1 / 2, 1, 1 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert frame["precision"].tolist() == pytest.approx([0, 1 / 2, 2 / 3, 1, 1 / 2, 2 / 3, 2 / 4])


@pytest.mark.parametrize("points", [2, 7, 60])
def test_a_long_curve_is_thinned_between_its_ends(points: int) -> None:
    detections, objects, ids = made(pictures=50)
    matched = match(detections, objects, ids, "voc")
    whole = precision_recall(matched, objects, ids, ["cat", "dog"], points=len(detections))
    thin = precision_recall(matched, objects, ids, ["cat", "dog"], points=points)
    for label in ("cat", "dog"):
        all_rows, rows = (frame[frame["label"] == label].drop(columns="label") for frame in (whole, thin))
        assert len(all_rows) == 150
        assert min(points, 28) <= len(rows) <= points
        assert rows.iloc[[0, -1]].to_numpy().tolist() == all_rows.iloc[[0, -1]].to_numpy().tolist()
        assert set(rows.itertuples(index=False, name=None)) <= set(all_rows.itertuples(index=False, name=None))
        total = (objects["label"] == label).sum()
        hits = len(set(all_rows["recall"]) - {0.0})
        # even steps of recall: none is over twice the mean step and one object
        assert rows["recall"].diff().max() <= 2 * hits / total / (points - 1) + 1 / total


def test_no_curves() -> None:
    for frame in (
        precision_recall(MATCHED, OBJECTS, IDS, ["elk", "eel", "gnu"]),
        precision_recall(MATCHED[:0], OBJECTS, IDS, LABELS),
        precision_recall(MATCHED, OBJECTS[:0], IDS, LABELS),
    ):
        assert frame.empty
        assert frame.dtypes.astype(str).tolist() == ["object", "float64", "float64", "float64"]
