"""Downsampling: sizes, boxes and what is said of enlarged pictures."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from overfeat.images.decode import decode, encode
from overfeat.images.downsample import store_image
from overfeat.images.resize import resize_to, size_for_side

BOXES = np.array([[10, 20, 110, 60], [0, 0, 200, 100]], np.float32)


def picture(height: int, width: int) -> bytes:
    return encode(torch.arange(height * width * 3).remainder(251).to(torch.uint8).reshape(3, height, width), 90)


@pytest.mark.parametrize(
    ("height", "width", "stored"), [(100, 200, (50, 100)), (200, 100, (100, 50)), (99, 101, (50, 51))]
)
def test_the_smallest_side_is_as_asked(height: int, width: int, stored: tuple[int, int]) -> None:
    image = store_image(picture(height, width), BOXES[:0], 50, 90)
    assert (image.stored_height, image.stored_width) == stored
    assert decode(image.jpeg).shape == (3, *stored)
    assert not image.enlarged
    assert image.scaled_boxes.shape == (0, 4)


def test_boxes_are_scaled_with_the_picture() -> None:
    image = store_image(picture(100, 200), BOXES, 50, 90)
    assert image.scaled_boxes.tolist() == [[5, 10, 55, 30], [0, 0, 100, 50]]
    assert image.scaled_boxes.dtype == np.float32


def test_an_enlarged_picture_says_so() -> None:
    image = store_image(picture(20, 30), BOXES[:0], 40, 90)
    assert image.enlarged
    assert (image.stored_height, image.stored_width) == (40, 60)


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 500))
def test_the_aspect_is_kept_to_the_pixel(height: int, width: int, side: int) -> None:
    h, w = size_for_side(height, width, side)
    assert min(h, w) == side
    assert abs(max(h, w) - side * max(height, width) / min(height, width)) <= 0.5 + 1e-9 * max(h, w)


def test_a_picture_of_the_size_asked_for_is_left_alone() -> None:
    image = torch.zeros(3, 20, 30, dtype=torch.uint8)
    assert resize_to(image, (20, 30)) is image


def test_fine_stripes_average_instead_of_aliasing() -> None:
    stripes = (torch.arange(256) % 2 * 255).to(torch.uint8).expand(3, 256, 256)
    small = resize_to(stripes, (64, 64))
    assert (small.int() - 127).abs().max() < 16
