"""What is right and wrong, picture by picture."""

import pandas as pd
import pytest

from overfeat.report.judge import judge_detection, judge_recognition, sureness_of, wrongness
from overfeat.results.schemas import BOX

BOXES = {"whole": (0, 0, 40, 40), "half": (0, 0, 40, 20), "less": (0, 0, 40, 19)}


def classifications(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["image_id", "label", "rank", "score"]).assign(split="val")
    return frame.astype(dict.fromkeys(("image_id", "label", "split"), "category"))


def localizations(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame([(*row[:2], *BOXES[row[2]]) for row in rows], columns=["image_id", "label", *BOX])


OBJECTS = pd.DataFrame([(image_id, "cat", *BOXES["whole"]) for image_id in "abcd"], columns=["image_id", "label", *BOX])
TRUTH = pd.DataFrame({"image_id": list("abcdef"), "label": ["cat"] * 5 + [None]})


def test_the_best_guess_is_judged() -> None:
    guesses = classifications(
        *[(image_id, "cat", 1, 0.8) for image_id in "abd"],
        ("a", "dog", 2, 0.1),
        ("c", "dog", 1, 0.9),
        ("c", "cat", 2, 0.1),
        ("e", "cat", 1, 0.7),
        ("f", "cat", 1, 0.6),
        ("g", "cat", 1, 0.5),
    )
    boxes = localizations(
        ("a", "cat", "half"),
        ("a", "dog", "less"),
        ("b", "cat", "less"),
        ("c", "dog", "whole"),
        ("c", "cat", "whole"),
        ("f", "cat", "whole"),
    )
    judged = judge_recognition(guesses, boxes, TRUTH, OBJECTS)
    assert judged["image_id"].tolist() == list("abcdefg")
    kinds = ["right", "wrong box", "wrong class", "wrong box", "right", "not known", "not known"]
    assert judged["kind"].tolist() == kinds
    assert judged["iou"].fillna(-1).tolist() == pytest.approx([0.5, 0.475, -1, 0, -1, -1, -1])
    assert judged["score"].tolist() == [0.8, 0.8, 0.9, 0.8, 0.7, 0.6, 0.5]
    assert judged["label"].tolist()[:5] == ["cat"] * 5
    assert judged["label"].isna().tolist() == [False] * 5 + [True] * 2


def test_without_a_localizer_the_class_alone_is_judged() -> None:
    guesses = classifications(("a", "cat", 1, 0.8), ("b", "dog", 1, 0.8))
    judged = judge_recognition(guesses, localizations(), TRUTH, OBJECTS)
    assert judged["kind"].tolist() == ["right", "wrong class"]
    assert judged["iou"].isna().all()


def test_nothing_was_looked_at() -> None:
    judged = judge_recognition(classifications(), localizations(), TRUTH, OBJECTS)
    assert judged.empty
    assert list(judged) == ["image_id", "split", "label", "guess", "score", "iou", "kind"]


def detections(*rows: tuple, confident: bool = True) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(*row[:3], row[3], *BOXES[row[4]]) for row in rows], columns=["image_id", "label", "score", "confidence", *BOX]
    )
    frame = frame.astype({"image_id": "category", "label": "category"})
    return frame if confident else frame.assign(confidence=float("nan"))


SCENE = OBJECTS.assign(difficult=False, crowd=False)
FOUND = (
    ("a", "cat", 9.0, 0.2, "whole"),
    ("a", "cat", 1.0, 0.9, "whole"),
    ("b", "dog", 5.0, 0.7, "whole"),
)


def test_detections_choose_by_their_confidence_where_there_is_one() -> None:
    judged = judge_detection(detections(*FOUND), SCENE, "abc")
    assert (judged.by, judged.known) == ("confidence", True)
    rows = judged.detections[["image_id", "sureness", "score", "kind"]].to_numpy().tolist()
    assert rows == [
        ["a", 0.9, 1.0, "right"],
        ["a", 0.2, 9.0, "duplicate"],
        ["b", 0.7, 5.0, "wrong class"],
    ]
    assert judged.objects["kind"].tolist() == ["found", "mistaken", "missed"]
    judged = judge_detection(detections(*FOUND, confident=False), SCENE, "abc")
    assert judged.by == "score"
    assert judged.detections["kind"].tolist() == ["right", "duplicate", "wrong class"]
    assert judged.detections["sureness"].tolist() == [9.0, 1.0, 5.0]


def test_how_wrong_a_picture_is() -> None:
    judged = judge_detection(detections(*FOUND), SCENE, "abcx")
    assert wrongness(judged, "abcx", 0.0).to_dict() == pytest.approx({"a": 0.2, "b": 0.7, "c": 1.0, "x": 0.0})
    assert wrongness(judged, "abcx", 0.5).to_dict() == pytest.approx({"a": 0.0, "b": 0.7, "c": 1.0, "x": 0.0})
    assert wrongness(judged, "abcx", 0.95).to_dict() == pytest.approx({"a": 1.0, "b": 1.0, "c": 1.0, "x": 0.0})


def test_a_split_without_objects_is_not_known() -> None:
    judged = judge_detection(detections(*FOUND), SCENE[:0], "ab")
    assert not judged.known
    assert set(judged.detections["kind"]) == {"background"}
    empty = judge_detection(detections(), SCENE[:0], [])
    assert (len(empty.detections), len(empty.objects), empty.known) == (0, 0, False)


def test_sureness_of_no_detection_is_the_confidence() -> None:
    assert sureness_of(detections()) == "confidence"
