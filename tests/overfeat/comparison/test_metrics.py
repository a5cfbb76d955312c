"""Measures of two runs: those of the stage ``evaluate``, and how far they are apart on pictures drawn for both."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from overfeat.comparison.decided import Decided
from overfeat.comparison.metrics import COLUMNS, measured_changes
from overfeat.config import EvaluateSettings
from overfeat.evaluation import classification
from overfeat.evaluation.intervals import draws
from overfeat.results.schemas import CLASSES, IMAGES, OBJECTS, VIEWS
from overfeat.results.store import write_table
from overfeat.results.truth import Truth
from pipelines import measures, paths

MakeDecided = Callable[..., Decided]
LABELS = ["cat", "dog", "eel"]
PICTURES = 40
BOX = (0.0, 0.0, 20.0, 20.0)


def write(folder: Path, name: str, schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> None:
    frame = pd.DataFrame([(*row, *[None] * (len(schema) - len(row))) for row in rows], columns=schema.names)
    write_table(folder / f"{name}.parquet", frame, schema)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of each task in turn; some have no label, some no object."""
    folder = tmp_path_factory.mktemp("manifest")
    labels = [LABELS[number % 3] for number in range(PICTURES)]
    images = [(f"r{i:02d}", "recognition", "val", None if i == 7 else labels[i], 30, 30) for i in range(PICTURES)]
    images += [(f"d{i:02d}", "detection", "val", None, 30, 30) for i in range(PICTURES)]
    images += [("t", "recognition", "train", "cat", 30, 30)]
    objects = [(f"r{i:02d}", labels[i], *BOX, False, False) for i in range(0, PICTURES, 2)]
    objects += [(f"d{i:02d}", labels[i], *BOX, i == 4, i == 5) for i in range(PICTURES) if i % 5]
    objects += [("t", "cat", *BOX, False, False)]
    write(folder, "images", IMAGES, images)
    write(folder, "objects", OBJECTS, objects)
    write(folder, "views", VIEWS, [])
    write(folder, "classes", CLASSES, [(task, i, LABELS[i]) for task in ("detection", "recognition") for i in range(3)])
    return folder


def decided(make_decided: MakeDecided, run: str, right: float, pictures: int = PICTURES) -> Decided:
    """Return a run whose guesses are right with this chance, of the first ``pictures``."""
    rng = np.random.default_rng([ord(run), 0])
    ids, found, guesses, classes = [f"{i:02d}" for i in range(pictures)], [], [], []
    for i, name in enumerate(ids):
        for rank, label in enumerate(rng.permutation(LABELS), start=1):
            label = LABELS[i % 3] if rank == 1 and rng.random() < right else label
            classes.append((f"r{name}", label, 1 / rank, rank))
            guesses.append((f"r{name}", label, 1 / rank, 0.5, *BOX[:3], rng.choice([20.0, 8.0]), rank))
        for _ in range(rng.integers(3)):
            label = LABELS[i % 3] if rng.random() < right else LABELS[rng.integers(3)]
            found.append((f"d{name}", label, rng.random(), 0.5, *BOX[:3], rng.choice([20.0, 8.0])))
    looked_at = [(f"d{name}", "detection") for name in ids]
    return make_decided(run, looked_at, detections=found, localizations=guesses, classifications=classes)


@pytest.fixture(scope="module")
def runs(make_decided: MakeDecided) -> tuple[Decided, Decided]:
    return decided(make_decided, "a", 0.1), decided(make_decided, "b", 0.95)


def test_measures_are_those_of_the_stage(
    runs: tuple[Decided, Decided], manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "MANIFEST", manifest)
    found = measured_changes(*runs, Truth.of(manifest), 0, 0)
    assert tuple(found.columns) == COLUMNS
    assert found["measure"].tolist() == ["top1_error_percent", "top5_error_percent", "error_percent", "map50_percent"]
    assert found["pictures"].tolist() == [39, 39, 20, 40]
    labels, settings = measures.labelled(), EvaluateSettings(bootstrap=0)
    for run, side in zip(runs, ("a", "b"), strict=True):
        tables = run.tables
        hits = measures.recognised(tables["classifications"], labels)["val"]
        expected = classification.error_metrics(hits, 0, 0)
        expected |= measures.localized(tables["localizations"], tables["localizations"], labels, settings)["val"]
        looked_at = tables["processed"][tables["processed"]["task"] == "detection"]
        expected |= measures.detected(tables["detections"], looked_at, settings)[0]["val"]
        got = dict(zip(found["measure"], found[side], strict=True))
        assert got == pytest.approx({name: expected[name] for name in got}, abs=1e-4)
    np.testing.assert_allclose(found["difference"], found["b"] - found["a"])
    assert found[["low", "high"]].isna().all(axis=None)


def test_intervals_are_of_pictures_drawn_for_both(runs: tuple[Decided, Decided], manifest: Path) -> None:
    truth = Truth.of(manifest)
    found = measured_changes(*runs, truth, 300, 7).set_index("measure")
    labels = truth.recognition_pictures.dropna(subset="label").set_index("image_id")["label"].drop("t").to_dict()
    wrong = [
        [guesses.loc[image_id] != label for image_id, label in sorted(labels.items())]
        for guesses in (
            run.tables["classifications"].query("rank == 1").astype({"image_id": str}).set_index("image_id")["label"]
            for run in runs
        )
    ]
    apart = [(np.array(wrong[1], float) - wrong[0]) @ weights / len(labels) for weights in draws(len(labels), 300, 7)]
    row = found.loc["top1_error_percent"]
    assert [row["low"], row["high"]] == pytest.approx(100 * np.percentile(apart, [2.5, 97.5]))
    assert (found["low"] <= found["difference"]).all()
    assert (found["difference"] <= found["high"]).all()
    assert row["high"] < 0
    assert found.loc["map50_percent", "low"] < found.loc["map50_percent", "high"]


def test_a_run_beside_itself_and_the_other_way_round(runs: tuple[Decided, Decided], manifest: Path) -> None:
    truth = Truth.of(manifest)
    same = measured_changes(runs[0], runs[0], truth, 50, 0)
    assert not same[["difference", "low", "high"]].to_numpy().any()
    there, back = (measured_changes(*pair, truth, 50, 0) for pair in (runs, runs[::-1]))
    np.testing.assert_allclose(back[["difference", "low", "high"]], -there[["difference", "high", "low"]].to_numpy())
    np.testing.assert_allclose(back[["a", "b"]], there[["b", "a"]].to_numpy())


def test_only_pictures_that_both_looked_at_count(
    make_decided: MakeDecided, runs: tuple[Decided, Decided], manifest: Path
) -> None:
    few = decided(make_decided, "b", 0.95, pictures=10)
    found = measured_changes(runs[0], few, Truth.of(manifest), 0, 0)
    assert found["pictures"].tolist() == [9, 9, 5, 10]
    fewer = decided(make_decided, "a", 0.1, pictures=10)
    pd.testing.assert_frame_equal(found, measured_changes(fewer, few, Truth.of(manifest), 0, 0))


def test_what_cannot_be_measured_has_no_row(
    make_decided: MakeDecided, runs: tuple[Decided, Decided], manifest: Path
) -> None:
    truth = Truth.of(manifest)
    assert measured_changes(make_decided("a"), runs[1], truth, 10, 0).empty
    strangers = make_decided("x", classifications=[("?", "cat", 1.0, 1)], detections=[("!", "cat", 1.0, 0.5, *BOX)])
    assert measured_changes(strangers, strangers, truth, 10, 0).empty
    bare = Decided("b", {**runs[1].tables, "localizations": runs[1].tables["localizations"][:0]})
    assert measured_changes(runs[0], bare, truth, 0, 0)["task"].tolist() == [*["classification"] * 2, "detection"]
    odd = make_decided("o", [("d04", "detection"), ("d05", "detection")])  # a difficult object, and a crowd
    assert measured_changes(odd, odd, truth, 10, 0).empty
    vain = make_decided("v", [(f"d{i:02d}", "detection") for i in range(PICTURES)])
    (row,) = measured_changes(vain, vain, truth, 20, 0).to_dict("records")
    assert (row["a"], row["b"], row["low"], row["high"]) == (0, 0, 0, 0)
