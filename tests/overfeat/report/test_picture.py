"""Small pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from overfeat.errors import PictureError
from overfeat.report.picture import small_picture


def jpeg(width: int, height: int, mode: str = "RGB") -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).convert(mode).save(data, "JPEG")
    return data.getvalue()


@pytest.mark.parametrize(("size", "expected"), [((400, 200), (100, 50)), ((60, 40), (60, 40)), ((50, 300), (17, 100))])
def test_no_larger_than_asked_and_never_enlarged(size: tuple[int, int], expected: tuple[int, int]) -> None:
    made = small_picture(jpeg(*size), 100, "a")
    assert Image.open(io.BytesIO(made)).size == expected
    assert made == small_picture(jpeg(*size), 100, "a")


def test_greyscale_becomes_colour() -> None:
    assert Image.open(io.BytesIO(small_picture(jpeg(9, 9, "L"), 100, "a"))).mode == "RGB"


@pytest.mark.parametrize("rubbish", [b"", b"no picture", jpeg(40, 40)[:200]])
def test_rubbish_is_a_sentence(rubbish: bytes) -> None:
    with pytest.raises(PictureError, match=r"stored picture 'p1' cannot be decoded .* `preprocess` again"):
        small_picture(rubbish, 100, "p1")
