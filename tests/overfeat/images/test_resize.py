"""Resizing: the same numbers as torchvision's, whatever the memory layout."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2.functional import InterpolationMode, resize

from overfeat.images import resize as ours

SIDES = st.integers(2, 40)  # torch itself fails at a width of 1


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(sum(shape)))


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(["planes", "pixels", "batch"]))
def test_equal_to_torchvision(height: int, width: int, new_height: int, new_width: int, layout: str) -> None:
    image = noise(2, 3, height, width) if layout == "batch" else noise(3, height, width)
    if layout == "pixels":
        image = noise(height, width, 3).movedim(-1, 0)
    expected = resize(image, [new_height, new_width], InterpolationMode.BILINEAR, antialias=True)
    got = ours.resize_to(image, (new_height, new_width))
    assert got.dtype == torch.uint8
    assert torch.equal(got, expected)


def test_where_torch_cannot_resize_bytes_the_numbers_differ_by_one_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise(3, 60, 47)
    native = ours.resize_to(image, (23, 31))
    monkeypatch.setattr(ours, "_knows_bytes", lambda: False)
    other = ours.resize_to(image, (23, 31))
    assert other.dtype == torch.uint8
    assert (native.int() - other.int()).abs().max() <= 1


def test_the_smallest_side_is_what_is_asked_for() -> None:
    assert ours.resize_to_side(noise(3, 60, 90), 30).shape == (3, 30, 45)
    assert ours.resize_to_side(noise(3, 90, 60), 30).shape == (3, 45, 30)
    image = noise(3, 30, 45)
    assert ours.resize_to_side(image, 30) is image
