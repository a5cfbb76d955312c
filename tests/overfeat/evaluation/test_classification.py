"""Top-1 and top-5 error on cases worked out by hand."""

import pandas as pd

from overfeat.evaluation.classification import error_by_class, error_metrics, hits

TRUTH = {"p1": "cat", "p2": "dog", "p3": "cat", "p4": "eel"}
GUESSES = pd.DataFrame(
    [
        ("p1", "cat", 1),
        ("p1", "dog", 2),
        ("p2", "cat", 1),
        ("p2", "dog", 5),
        ("p3", "dog", 1),
        ("p3", "cat", 6),  # beyond the fifth
        ("p9", "cat", 1),  # not measured
    ],
    columns=["image_id", "label", "rank"],
).astype({"image_id": "category", "label": "category"})


def test_hits() -> None:
    frame = hits(GUESSES, TRUTH).set_index("image_id")
    assert frame["top1"].to_dict() == {"p1": True, "p2": False, "p3": False, "p4": False}
    assert frame["top5"].to_dict() == {"p1": True, "p2": True, "p3": False, "p4": False}
    assert frame["guess"].fillna("none").to_dict() == {"p1": "cat", "p2": "cat", "p3": "dog", "p4": "none"}


def test_errors_in_percent() -> None:
    metrics = error_metrics(hits(GUESSES, TRUTH), resamplings=0, seed=0)
    assert metrics == {"pictures": 4, "top1_error_percent": 75.0, "top5_error_percent": 50.0}


def test_errors_by_class_worst_first() -> None:
    frame = error_by_class(hits(GUESSES, TRUTH)).set_index("label")
    assert frame["top1_error_percent"].to_dict() == {"dog": 100, "eel": 100, "cat": 50}
    assert list(frame.index) == ["dog", "eel", "cat"]
    assert frame.loc["cat", "pictures"] == 2


def test_intervals_hold_the_error() -> None:
    metrics = error_metrics(hits(GUESSES, TRUTH), resamplings=200, seed=0)
    assert metrics["top1_error_low_percent"] <= 75 <= metrics["top1_error_high_percent"]
