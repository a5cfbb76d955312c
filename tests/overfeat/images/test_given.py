"""A picture in every form in which a user has one, and what is none."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from overfeat.errors import PictureError, PlaceError
from overfeat.images.given import as_pixels

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def encoded(orientation: int | None = None) -> bytes:
    data, exif = io.BytesIO(), Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(PIXELS).save(data, "PNG", exif=exif.tobytes())
    return data.getvalue()


def test_all_forms_are_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded())
    forms = (str(path), path, encoded(), Image.fromarray(PIXELS), PIXELS, torch.from_numpy(PIXELS).movedim(-1, 0))
    transparent = np.concatenate([PIXELS, np.full((20, 30, 1), 9, np.uint8)], axis=2)
    for form in (*forms, transparent):
        pixels = as_pixels(form)
        assert (pixels.dtype, pixels.shape) == (torch.uint8, (3, 20, 30))
        assert np.array_equal(pixels.permute(1, 2, 0).numpy(), PIXELS)


def test_a_grey_picture_has_three_equal_colours() -> None:
    grey = PIXELS[..., 0]
    for form in (grey, grey[..., None], torch.from_numpy(grey)[None], Image.fromarray(grey)):
        assert np.array_equal(as_pixels(form).numpy(), np.stack([grey] * 3))


def test_a_picture_is_seen_upright() -> None:
    assert as_pixels(encoded(6)).shape == (3, 30, 20)
    assert np.array_equal(as_pixels(encoded(6)).permute(1, 2, 0).numpy(), np.rot90(PIXELS, -1))
    assert as_pixels(Image.open(io.BytesIO(encoded(6)))).shape == (3, 30, 20)


def test_what_is_given_is_not_changed_later() -> None:
    array = PIXELS.copy()
    pixels = as_pixels(array)
    array[:] = 0
    assert pixels.any()


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (PIXELS.astype(np.float32), "must be uint8, 0 to 255, not float32"),
        (np.zeros((2, 3, 4, 5), np.uint8), r"cannot have the shape \(2, 3, 4, 5\)"),
        (np.zeros((4, 4, 2), np.uint8), r"cannot have the shape \(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), r"cannot have the shape \(0, 4, 3\)"),
        (torch.zeros(3, 4, 4), "must be uint8"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), "cannot have the shape"),
        ([1, 2], "cannot be a list: give a path"),
        (None, "cannot be a NoneType"),
        (b"no picture", "undecodable: not a picture"),
        (b"", "empty"),
        (encoded()[:-40], "truncated"),
    ],
)
def test_what_is_no_picture_is_a_sentence(form: Any, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        as_pixels(form)


def test_a_file_that_is_no_picture_or_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(PictureError, match=r"a\.jpg cannot be looked at: undecodable"):
        as_pixels(tmp_path / "a.jpg")
    with pytest.raises(PlaceError, match=r"b\.jpg"):
        as_pixels(tmp_path / "b.jpg")
