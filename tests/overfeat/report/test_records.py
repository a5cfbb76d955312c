"""Records of the gallery: as the module says, and no word in them that could be taken for another picture's."""

import pandas as pd

from overfeat.evaluation.error_kinds import DETECTION_KINDS
from overfeat.report.judge import RECOGNITION_KINDS, judge_detection, judge_recognition
from overfeat.report.names import ClassNames, file_stem
from overfeat.report.records import MOST_FOUND, detection_entries, recognition_entries
from overfeat.results.schemas import BOX

NAMES = ClassNames(["cat", "dog", "eel"], ["", "", ""])
SIZES = pd.DataFrame({"image_id": ["a", "b"], "width": [80, 60], "height": [40, 50]})
SPLITS = ["test", "val"]
HOSTILE = "</script>#1"


def test_recognition() -> None:
    guesses = pd.DataFrame(
        [("a", "cat", 1, 0.75), ("a", "dog", 2, 0.2), ("b", "eel", 1, 0.5)],
        columns=["image_id", "label", "rank", "score"],
    ).assign(split="val")
    boxes = pd.DataFrame(
        [("a", "cat", 0.9, 1.04, 2, 30.5, 39), ("a", "dog", None, 0, 0, 9, 9)],
        columns=["image_id", "label", "confidence", *BOX],
    ).assign(members=[[3, 4], [5]])
    objects = pd.DataFrame([("a", "cat", 1, 2, 30, 39)], columns=["image_id", "label", *BOX])
    truth = pd.DataFrame({"image_id": ["a", "b"], "label": ["cat", None]})
    judged = judge_recognition(guesses, boxes, truth, objects)
    entries = recognition_entries(SIZES, judged, guesses, boxes, objects, NAMES, SPLITS)
    assert entries["a"].record == [
        *(file_stem("recognition", "a"), "a", 1, 80, 40, 0, RECOGNITION_KINDS.index("right")),
        [[0, 0.75, 0.9, 1, 2, 30.5, 39], [1, 0.2, None, 0, 0, 9, 9]],
        [[1, 2, 30, 39]],
    ]
    assert entries["a"].members == [[3, 4], [5]]
    assert entries["a"].classes == [0, 1]
    assert entries["b"].record[5:] == [-1, RECOGNITION_KINDS.index("not known"), [[2, 0.5]], []]
    assert entries["b"].members == [[]]
    assert entries["b"].classes == [2]


def found_in(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["image_id", "label", "score", "confidence", *BOX])
    return frame.assign(members=[[number] for number in range(len(frame))])


def scene(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "label", *BOX, "difficult", "crowd"])


def test_detection() -> None:
    objects = scene(("a", "dog", 0, 0, 9, 9, False, False), ("b", "cat", 0, 0, 20, 20, False, False))
    objects = pd.concat([objects, scene(("b", "cat", 30, 30, 40, 40, True, False))], ignore_index=True)
    found = found_in(
        ("b", "cat", 3.0, 0.5, 0, 0, 20, 20),
        ("b", "dog", 9.0, 0.25, 0, 0, 20, 18),
        ("b", "cat", 1.0, 0.875, 40, 0, 50, 9),
    )
    judged = judge_detection(found, objects, ["a", "b"])
    entries = detection_entries(SIZES, judged, NAMES, "val", SPLITS)
    kinds = [DETECTION_KINDS.index(kind) for kind in ("background", "right", "wrong class")]
    assert entries["b"].record == [
        *(file_stem("detection", "b"), "b", 1, 60, 50),
        [[0, 0, 0, 0, 20, 20], [0, 1, 30, 30, 40, 40]],
        [
            [0, kinds[0], -1, 0.875, 40, 0, 50, 9],
            [0, kinds[1], 0, 0.5, 0, 0, 20, 20],
            [1, kinds[2], 0, 0.25, 0, 0, 20, 18],
        ],
    ]
    assert entries["b"].members == [[2], [0], [1]]
    assert entries["b"].classes == [0, 1]
    assert entries["a"].record[5:] == [[[1, 0, 0, 0, 9, 9]], []]


def test_a_picture_with_very_many_detections_keeps_the_surest() -> None:
    rows = [("a", "cat", 1.0, (number + 10) / 1000, 50, 0, number + 60, 9) for number in range(MOST_FOUND + 50)]
    rows.append(("a", "cat", 1.0, 0.005, 0, 0, 9, 9))  # the least sure one is right
    judged = judge_detection(found_in(*rows), scene(("a", "cat", 0, 0, 9, 9, False, False)), ["a"])
    entry = detection_entries(SIZES[:1], judged, NAMES, "val", SPLITS)["a"]
    found = entry.record[-1]
    assert len(found) == len(entry.members) == MOST_FOUND + 1
    assert [one[3] for one in found] == sorted((one[3] for one in found), reverse=True)
    assert (found[0][3], found[-1][3]) == ((MOST_FOUND + 59) / 1000, 0.005)


def test_the_name_of_a_file_has_nothing_of_the_id() -> None:
    judged = judge_detection(found_in(), scene(), [HOSTILE])
    sizes = pd.DataFrame({"image_id": [HOSTILE], "width": [9], "height": [9]})
    entry = detection_entries(sizes, judged, NAMES, "val", SPLITS)[HOSTILE]
    assert entry.stem.isalnum()
    assert entry.record[1] == HOSTILE
