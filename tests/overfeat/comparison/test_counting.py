"""Counts against counting row by row, and what must add up in them."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from overfeat.comparison.changes import KINDS, Names, changes, looked_at
from overfeat.comparison.counting import by_class, by_image, by_kind
from overfeat.comparison.decided import Decided

MakeDecided = Callable[..., Decided]
LABELS = ["cat", "dog", "eel"]
PLACES = [(0, 0, 10, 10), (0, 0, 10, 8), (0, 0, 10, 4), (40, 40, 50, 50)]


def made(make_decided: MakeDecided, run: str, seed: int, rows: int) -> Decided:
    """Return a run with boxes at few places in few pictures, so that all changes come about."""
    rng = np.random.default_rng([seed, ord(run)])
    found = [(f"p{rng.integers(12)}", LABELS[rng.integers(3)], 2.0, 0.9, *PLACES[rng.integers(4)]) for _ in range(rows)]
    guessed = {f"p{rng.integers(9)}": LABELS[rng.integers(2)] for _ in range(rows // 4)}
    looked_at = [(f"p{number}", "detection") for number in rng.integers(14, size=rows // 4)]
    guesses = [(image, label, 0.5, 1) for image, label in guessed.items()]
    return make_decided(run, looked_at=looked_at, detections=found, classifications=guesses)


@pytest.mark.parametrize(("seed", "rows"), [(0, 40), (1, 40), (2, 12), (3, 0)])
def test_counts(make_decided: MakeDecided, seed: int, rows: int) -> None:
    one, other = made(make_decided, "a", seed, rows), made(make_decided, "b", seed, rows)
    names = Names.of(one, other)
    changed, seen = changes(one, other, names, 0.3, 0.9, 0.5), looked_at(one, other, names)
    tables, classes, images = by_kind(changed), by_class(changed), by_image(changed, seen)

    said = changed[["kind", "change", "image_id", "label_a", "label_b"]].astype(object)
    told = said.where(said.notna(), None).to_numpy().tolist()
    kinds = changed["change"].cat.categories
    for row in tables.to_dict("records"):
        counts = Counter(change for kind, change, *_ in told if kind == row["kind"])
        assert all(row[change] == counts[change] for change in kinds)
    assert tables["kind"].tolist() == list(KINDS)

    for row in classes.to_dict("records"):
        name = (row["kind"], row["label"])
        of_a = Counter(change for kind, change, _, label, _ in told if (kind, label) == name)
        of_b = Counter(change for kind, change, _, _, label in told if (kind, label) == name)
        assert (row["a"], row["b"]) == (of_a.total(), of_b.total())
        assert (row["to_other"], row["from_other"]) == (of_a["relabelled"], of_b["relabelled"])
        assert row["a"] == row["kept"] + row["moved"] + row["to_other"] + row["lost"] + row["only_a"]
        assert row["b"] == row["kept"] + row["moved"] + row["from_other"] + row["gained"] + row["only_b"]
    assert classes["a"].sum() == tables["a"].sum() == sum(len(one.tables[kind]) for kind in KINDS)
    assert classes["b"].sum() == tables["b"].sum() == sum(len(other.tables[kind]) for kind in KINDS)

    for row in images.to_dict("records"):
        own = [each for each in told if (each[0], each[2]) == (row["kind"], row["image_id"])]
        counts = Counter(each[1] for each in own)
        assert all(row[change] == counts[change] for change in kinds)
        assert (row["a"], row["b"]) == tuple(sum(each[side] is not None for each in own) for side in (3, 4))
        assert row["changes"] == sum(counts[change] for change in ("moved", "relabelled", "gained", "lost"))
    keys = ["kind", "image_id"]
    assert sorted(images[keys].to_numpy().tolist()) == sorted(seen[keys].to_numpy().tolist())
    of_detections = images[images["kind"] == "detections"]
    processed = pd.concat([run.tables["processed"] for run in (one, other)])
    assert set(of_detections["image_id"]) == set(processed.loc[processed["task"] == "detection", "image_id"])
    order = list(zip(-of_detections["changes"], of_detections["image_id"], strict=True))
    assert order == sorted(order)


def test_nothing(make_decided: MakeDecided) -> None:
    a, b = make_decided("a"), make_decided("b")
    names = Names.of(a, b)
    rows = changes(a, b, names, 0.5, 0.9, 0.5)
    assert by_kind(rows).drop(columns="kind").to_numpy().sum() == 0
    assert by_class(rows).empty
    assert by_image(rows, looked_at(a, b, names)).empty
    assert isinstance(by_class(rows)["label"].dtype, pd.CategoricalDtype)
