"""Boxes on pictures: where they are, and inside the picture whatever the boxes are."""

import numpy as np
import pandas as pd
import pytest
import torch

from overfeat.images.annotate import annotate, colour_of


def boxes(*rows: tuple[str, float, float, float, float, float, float | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["label", "x1", "y1", "x2", "y2", "score", "confidence"])


def test_the_frame_has_the_colour_of_its_label() -> None:
    black = torch.zeros(3, 500, 700, dtype=torch.uint8)
    picture = np.asarray(annotate(black, boxes(("cat", 250, 180, 550, 460, 2, 0.9))))
    assert picture.shape == (500, 700, 3)
    for y, x in ((320, 250), (320, 549), (459, 400)):
        assert tuple(picture[y, x]) == colour_of("cat")
    assert not picture[220:440, 270:530].any()
    assert not picture[:, 600:].any()


def test_a_small_picture_is_enlarged_with_its_boxes() -> None:
    black = torch.zeros(3, 50, 64, dtype=torch.uint8)
    picture = np.asarray(annotate(black, boxes(("cat", 20, 10, 40, 45, 2, 0.9))))
    assert picture.shape == (500, 640, 3)
    for y, x in ((300, 200), (300, 399), (449, 300)):
        assert tuple(picture[y, x]) == colour_of("cat")
    assert not picture[150:440, 210:390].any()


@pytest.mark.parametrize("box", [(-5, -5, 40, 40), (0, 0, 30, 20), (10, 10, 10, 10), (25, 15, 200, 99)])
def test_any_box_can_be_drawn_on_a_small_picture(box: tuple[float, float, float, float]) -> None:
    picture = annotate(torch.zeros(3, 20, 30, dtype=torch.uint8), boxes(("a long name", *box, 1, None)), {"cat": "c"})
    assert picture.size == (630, 420)
    assert np.asarray(picture).any()


def test_no_box_is_the_picture_itself_and_what_is_given_is_not_changed() -> None:
    pixels = torch.randint(0, 256, (3, 400, 600), dtype=torch.uint8)
    before = pixels.clone()
    assert np.array_equal(np.asarray(annotate(pixels, boxes())), pixels.permute(1, 2, 0).numpy())
    annotate(pixels, boxes(("cat", 1, 1, 9, 9, 1, 0.5)))
    assert torch.equal(pixels, before)
