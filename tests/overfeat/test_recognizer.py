"""A trained model that looks at a user's own pictures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import overfeat
from overfeat.atomic import write_text
from overfeat.config import InferSettings, MergeSettings
from overfeat.errors import CheckpointError, PictureError
from overfeat.inference.looking import Looking
from overfeat.recognizer import Recognizer
from overfeat.results.schemas import DETECTION, RECOGNITION
from tests.pipelines.batches.small_project import make_checkpoints, picture

INFER = InferSettings(scales=(1, 2), detection_scales=(1, 2, 3))
SIDES = {RECOGNITION: 50, DETECTION: 60}
WORDS = {"ape": "great ape", "bee": "honey bee"}
BOX = ["x1", "y1", "x2", "y2"]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "checkpoints"
    make_checkpoints(folder, seed=5)
    write_text(folder / "calibration/looking.json", Looking(INFER, SIDES, WORDS).dumps())
    return folder


@pytest.fixture(scope="module")
def recognizer(checkpoints: Path) -> Recognizer:
    return overfeat.Recognizer.load(checkpoints, merge=MergeSettings(detection_min_score=0.4))


def test_the_best_classes_come_first(recognizer: Recognizer) -> None:
    frame = recognizer.classify(picture(1))
    assert list(frame.columns) == ["label", "name", "score", "rank"]
    assert frame["rank"].tolist() == [1, 2, 3]
    assert frame["score"].is_monotonic_decreasing
    assert set(frame["name"]) == {"great ape", "honey bee", "cat"}  # what nobody named has its label
    assert len(recognizer.classify(picture(1), top=1)) == 1


def test_one_box_is_in_the_picture_and_names_its_windows(recognizer: Recognizer) -> None:
    box = recognizer.localize(picture(1, (90, 60))).iloc[0]
    assert 0 <= box["x1"] < box["x2"] <= 90
    assert 0 <= box["y1"] < box["y2"] <= 60
    assert 0 <= box["confidence"] <= 1
    sight = recognizer.see(picture(1, (90, 60)))
    windows = sight.windows[sight.windows["window"].isin(box["members"])]
    assert len(windows) == len(box["members"])
    np.testing.assert_allclose(windows[[f"box_{side}" for side in BOX]].mean(), box[BOX].astype(float), atol=1e-3)
    assert len(recognizer.localize(picture(1), top=3)) == 3


def test_all_objects_the_surest_first(recognizer: Recognizer) -> None:
    data = picture(3, (200, 150))
    everything = recognizer.detect(data, min_confidence=0)
    assert len(everything) > 1
    assert everything["confidence"].is_monotonic_decreasing
    least = everything["confidence"].iloc[1]
    assert len(recognizer.detect(data, min_confidence=least)) == 2
    assert recognizer.detect(data, min_confidence=1).empty
    assert list(recognizer.detect(data, 1).columns) == list(everything.columns)


def test_it_looks_as_stage_infer_does(checkpoints: Path, recognizer: Recognizer) -> None:
    told = Recognizer.load(checkpoints, INFER, MergeSettings(detection_min_score=0.4), SIDES)
    columns = ["label", "score", *BOX]
    for ask in (Recognizer.localize, Recognizer.detect):
        pd.testing.assert_frame_equal(ask(told, picture(2))[columns], ask(recognizer, picture(2))[columns])


def test_a_picture_is_the_same_in_all_its_forms(recognizer: Recognizer, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture(4))
    image = Image.open(path)
    for form in (path, str(path), image, np.asarray(image)):
        pd.testing.assert_frame_equal(recognizer.detect(form, 0), recognizer.detect(picture(4), 0))
    with pytest.raises(PictureError, match="undecodable"):
        recognizer.classify(b"rubbish")


def test_the_smallest_and_the_most_oblong_picture(recognizer: Recognizer) -> None:
    for size in ((1, 1), (400, 3), (2, 300)):
        sight = recognizer.see(np.zeros((size[1], size[0], 3), np.uint8))
        assert sight.classes["rank"].tolist() == [1, 2, 3]
        assert min(sight.annotated().size) >= 1


def test_boxes_are_drawn(recognizer: Recognizer) -> None:
    sight = recognizer.see(picture(3, (200, 150)))
    plain = np.asarray(sight.annotated(1))
    assert plain.shape == (450, 600, 3)  # enlarged, so that labels do not hide what they name
    assert (np.asarray(sight.annotated(0)) != plain).any()


def test_a_model_without_boxes_or_detector(checkpoints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    for kind in ("classifier/member-0/last.pt", "calibration/calibration.json", "calibration/looking.json"):
        (folder / kind).parent.mkdir(parents=True, exist_ok=True)
        (folder / kind).write_bytes((checkpoints / kind).read_bytes())
    recognizer = Recognizer.load(folder)
    assert len(recognizer.classify(picture(1))) == 3
    with pytest.raises(CheckpointError, match="no box regressor"):
        recognizer.localize(picture(1))
    with pytest.raises(CheckpointError, match="no detector"):
        recognizer.detect(picture(1))
    sight = recognizer.see(picture(1))
    assert (sight.boxes, sight.objects) == (None, None)
    assert sight.annotated().size == (630, 486)


@pytest.mark.parametrize("text", [None, "{", '{"infer": {}}', '{"infer": {"scale": 1}, "sides": {}, "names": {}}'])
def test_without_knowing_how_to_look_there_is_a_sentence(checkpoints: Path, tmp_path: Path, text: str | None) -> None:
    if text is not None:
        write_text(tmp_path / "calibration/looking.json", text)
    with pytest.raises(CheckpointError, match="run the stage `calibrate`"):
        Recognizer.load(tmp_path)
