"""What became of each box, on cases worked out on paper and against a plain loop."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.boxes import iou
from overfeat.comparison.changes import CHANGES, KINDS, LOOKED_AT, Names, changes, looked_at
from overfeat.comparison.decided import Decided
from overfeat.comparison.matching import Boxes, paired
from overfeat.results.schemas import DIFF
from overfeat.results.store import write_table

MakeDecided = Callable[..., Decided]
Record = dict[Any, Any]
SIDES = ["x1", "y1", "x2", "y2"]

CORNERS = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(2, 6), st.integers(2, 6))
FOUND = st.tuples(st.sampled_from("pq"), st.sampled_from(["cat", "dog"]), st.sampled_from([1.0, 2.0]), CORNERS)
GUESS = st.tuples(st.sampled_from(["cat", "dog"]), CORNERS)
LOOKED = st.sets(st.tuples(st.sampled_from("pqr"), st.sampled_from(["detection", "recognition"])))
SEEN = st.tuples(st.lists(FOUND, max_size=10), st.dictionaries(st.sampled_from("pqr"), GUESS), LOOKED)


def made(make_decided: MakeDecided, run: str, seen: Any) -> Decided:
    found, guesses, looked = seen
    return make_decided(
        run,
        looked_at=sorted(looked),
        detections=[(image, label, score, score / 4, *box) for image, label, score, box in found],
        localizations=[(image, label, 3.0, 0.5, *box, 1) for image, (label, box) in guesses.items()]
        + [(image, "cat", 2.0, 0.25, *box, 2) for image, (_, box) in guesses.items()],
        classifications=[(image, label, 0.5, 1) for image, (label, _) in guesses.items()],
    )


def compared(a: Decided, b: Decided, kept: float = 0.9, min_confidence: float = 0.0) -> pd.DataFrame:
    return changes(a, b, Names.of(a, b), 0.3, kept, min_confidence)


def plain_rows(a: Decided, b: Decided, kept: float, min_confidence: float) -> list[tuple[Any, ...]]:
    """The oracle: kind, change, picture, both labels, scores and boxes, and the IoU, row by row."""
    rows: list[tuple[Any, ...]] = []
    for kind in KINDS:
        task = "detection" if kind == "detections" else "recognition"
        seen = [
            {image for image, of in run.tables["processed"][["image_id", "task"]].to_numpy() if of == task}
            for run in (a, b)
        ]
        sides = []
        for run in (a, b):
            frame = run.tables[kind]
            some = frame["confidence"] >= min_confidence if kind == "detections" else frame["rank"] == 1
            sides.append(frame[some].to_dict("records"))
        pairs = pairs_of(*sides) if kind == "detections" else same_picture(*sides)
        for i, j in pairs:
            one, other = sides[0][i], sides[1][j]
            overlap = None if kind == "classifications" else overlap_of(one, other)
            change = "kept" if overlap is None or overlap >= kept else "moved"
            rows.append((kind, change if one["label"] == other["label"] else "relabelled", *told(one, other), overlap))
        for i, row in enumerate(sides[0]):
            if i not in {pair[0] for pair in pairs}:
                rows.append((kind, "lost" if row["image_id"] in seen[1] else "only_a", *told(row, None), None))
        for j, row in enumerate(sides[1]):
            if j not in {pair[1] for pair in pairs}:
                rows.append((kind, "gained" if row["image_id"] in seen[0] else "only_b", *told(None, row), None))
    return rows


def pairs_of(a: list[Record], b: list[Record]) -> list[tuple[int, int]]:
    ids, labels = ["p", "q"], ["cat", "dog"]

    def boxes(rows: list[Record]) -> Boxes:
        return Boxes(
            np.array([ids.index(row["image_id"]) for row in rows], np.int64),
            np.array([labels.index(row["label"]) for row in rows], np.int64),
            np.array([[row[side] for side in SIDES] for row in rows], float).reshape(-1, 4),
            np.array([row["score"] for row in rows], float),
        )

    pairs = paired(boxes(a), boxes(b), 0.3)  # which has its own oracle
    return list(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True))


def same_picture(a: list[Record], b: list[Record]) -> list[tuple[int, int]]:
    return [(i, j) for i, one in enumerate(a) for j, other in enumerate(b) if one["image_id"] == other["image_id"]]


def overlap_of(one: Record, other: Record) -> float:
    first, second = (np.array([row[side] for side in SIDES], float) for row in (one, other))
    return 1.0 if (first == second).all() else float(iou(first, second))


def told(a: Record | None, b: Record | None) -> tuple[Any, ...]:
    sides = [None if row is None else tuple(row.get(name) for name in ("label", "score", *SIDES)) for row in (a, b)]
    return (a if a is not None else b)["image_id"], *sides  # type: ignore[index]


def rows_of(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for row in frame.itertuples():
        sides: list[Any] = []
        for letter in "ab":
            values = [getattr(row, f"{name}_{letter}") for name in ("label", "score", *SIDES)]
            box = [None if row.kind == "classifications" else value for value in values[2:]]
            sides.append(None if pd.isna(values[0]) else (*values[:2], *box))
        rows.append((row.kind, row.change, row.image_id, *sides, None if pd.isna(row.iou) else row.iou))
    return rows


def rounded(rows: list[tuple[Any, ...]]) -> list[str]:
    return sorted(repr([*row[:5], None if row[5] is None else round(float(row[5]), 5)]) for row in map(plainly, rows))


def plainly(row: tuple[Any, ...]) -> list[Any]:
    return [tuple(float(v) if isinstance(v, np.floating) else v for v in x) if isinstance(x, tuple) else x for x in row]


@settings(max_examples=15)
@given(SEEN, SEEN, st.sampled_from([0.3, 0.6, 1.0]), st.sampled_from([0.0, 0.3]))
def test_rows_are_those_of_the_plain_loop(make_decided: MakeDecided, a: Any, b: Any, kept: float, least: float) -> None:
    one, other = made(make_decided, "a", a), made(make_decided, "b", b)
    rows = compared(one, other, kept, least)
    assert rounded(rows_of(rows)) == rounded(plain_rows(one, other, kept, least))


@settings(max_examples=15)
@given(SEEN, SEEN)
def test_every_row_of_both_is_there_once_and_the_other_way_round_is_the_mirror(
    make_decided: MakeDecided, a: Any, b: Any
) -> None:
    one, other = made(make_decided, "a", a), made(make_decided, "b", b)
    rows = compared(one, other)
    for run, letter in ((one, "a"), (other, "b")):
        for kind in KINDS:
            frame = run.tables[kind]
            own = frame if kind == "detections" else frame[frame["rank"] == 1]
            said = rows[(rows["kind"] == kind) & rows[f"label_{letter}"].notna()]
            columns = ["image_id", f"label_{letter}", f"score_{letter}"]
            expected = sorted(own[["image_id", "label", "score"]].itertuples(index=False, name=None))
            assert sorted(said[columns].itertuples(index=False, name=None)) == expected
    mirror = {"gained": "lost", "lost": "gained", "only_a": "only_b", "only_b": "only_a"}
    back = [(t, mirror.get(change, change), i, b, a, o) for t, change, i, a, b, o in rows_of(compared(other, one))]
    assert rounded(back) == rounded(rows_of(rows))


@settings(max_examples=15)
@given(SEEN)
def test_a_run_beside_itself_is_kept(make_decided: MakeDecided, seen: Any) -> None:
    run = made(make_decided, "a", seen)
    rows = compared(run, run, kept=1.0)
    assert set(rows["change"]) <= {"kept"}
    assert len(rows) == len(seen[0]) + 2 * len(seen[1])
    for name in ("label", "score", "confidence", *SIDES):
        pd.testing.assert_series_equal(rows[f"{name}_a"], rows[f"{name}_b"], check_names=False)


def test_changes_of_detections(make_decided: MakeDecided) -> None:
    box = (0.0, 0.0, 100.0, 100.0)
    a = make_decided(
        "a",
        detections=[
            ("p", "cat", 9.0, 0.9, *box),
            ("p", "dog", 8.0, 0.8, 200.0, 0.0, 300.0, 100.0),
            ("p", "cat", 7.0, 0.7, 400.0, 0.0, 500.0, 100.0),
            ("p", "eel", 6.0, 0.6, 600.0, 0.0, 700.0, 100.0),
            ("p", "eel", 1.0, 0.49, *box),  # not sure enough
            ("q", "cat", 5.0, 0.5, *box),
        ],
    )
    b = make_decided(
        "b",
        detections=[
            ("p", "cat", 9.0, 0.9, 0.0, 0.0, 100.0, 91.0),
            ("p", "dog", 8.0, 0.8, 200.0, 0.0, 300.0, 89.0),
            ("p", "eel", 7.0, 0.7, 400.0, 0.0, 500.0, 100.0),
            ("p", "eel", 6.0, None, 600.0, 0.0, 700.0, 20.0),
            ("r", "cat", 5.0, 0.5, *box),
        ],
    )
    rows = changes(a, b, Names.of(a, b), 0.5, 0.9, 0.5)
    said = rows[["image_id", "change", "label_a", "label_b"]].astype(object)
    assert said.where(said.notna(), None).to_numpy().tolist() == [
        ["p", "kept", "cat", "cat"],
        ["p", "moved", "dog", "dog"],
        ["p", "relabelled", "cat", "eel"],
        ["p", "gained", None, "eel"],
        ["p", "lost", "eel", None],
        ["q", "only_a", "cat", None],
        ["r", "only_b", None, "cat"],
    ]
    np.testing.assert_allclose(rows["iou"], [0.91, 0.89, 1, np.nan, np.nan, np.nan, np.nan], rtol=1e-6)
    assert rows["confidence_b"].isna().tolist() == [False, False, False, True, True, True, False]


def test_first_guesses_are_one_pair_a_picture(make_decided: MakeDecided) -> None:
    box, far = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)
    a = make_decided(
        "a",
        localizations=[
            ("p", "cat", 3.0, 0.5, *box, 1),
            ("p", "dog", 2.0, 0.4, *far, 2),
            ("q", "cat", 1.0, 0.3, *box, 1),
        ],
        classifications=[("p", "cat", 0.9, 1), ("p", "dog", 0.1, 2), ("q", "cat", 0.8, 1), ("r", "cat", 0.8, 1)],
    )
    b = make_decided(
        "b",
        looked_at=[("r", "recognition")],
        localizations=[("p", "cat", 3.0, 0.5, *far, 1), ("q", "dog", 1.0, 0.3, *far, 1)],
        classifications=[("p", "cat", 0.7, 1), ("q", "dog", 0.8, 1)],
    )
    rows = compared(a, b)
    assert rows[["kind", "image_id", "change"]].to_numpy().tolist() == [
        ["localizations", "p", "moved"],
        ["localizations", "q", "relabelled"],
        ["classifications", "p", "kept"],
        ["classifications", "q", "relabelled"],
        ["classifications", "r", "lost"],
    ]
    assert rows["iou"].isna().tolist() == [False, False, True, True, True]


def test_which_pictures_were_looked_at(make_decided: MakeDecided) -> None:
    a = make_decided("a", [("p", "detection"), ("q", "detection"), ("p", "recognition")])
    b = make_decided("b", [("q", "detection"), ("r", "detection"), ("p", "recognition")])
    seen = looked_at(a, b, Names.of(a, b))
    assert seen.to_numpy().tolist() == [
        *[["detections", "p", "a"], ["detections", "q", "both"], ["detections", "r", "b"]],
        *[["localizations", "p", "both"], ["classifications", "p", "both"]],
    ]
    assert seen["looked_at"].cat.categories.tolist() == list(LOOKED_AT)


def test_the_frame_fits_the_schema_also_when_empty(make_decided: MakeDecided, tmp_path: object) -> None:
    full = make_decided("a", detections=[("p", "cat", 9.0, 0.9, 0, 0, 5, 5)], classifications=[("p", "cat", 0.7, 1)])
    for a, b in ((full, full), (make_decided("a"), make_decided("b")), (full, make_decided("b"))):
        rows = compared(a, b)
        assert list(rows.columns) == DIFF.names
        for field in DIFF:
            assert rows[field.name].dtype == ("category" if hasattr(field.type, "index_type") else "float32")
        assert rows["change"].cat.categories.tolist() == list(CHANGES)
        assert rows["kind"].cat.categories.tolist() == list(KINDS)
        write_table(f"{tmp_path}/diff.parquet", rows, DIFF)
        kept = pd.read_parquet(f"{tmp_path}/diff.parquet")
        assert kept["change"].astype(object).tolist() == rows["change"].tolist()
        assert len(kept) == len(rows)
