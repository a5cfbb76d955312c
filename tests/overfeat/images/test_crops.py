"""Crops depend on (seed, epoch, image, crop) alone, lie inside the picture and spread evenly."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from overfeat.images.crops import crop_corners, image_key, uniforms

KEYS = np.array([image_key(f"image {i}") for i in range(2000)], np.uint64)


def test_a_picture_draws_the_same_in_any_company() -> None:
    together = uniforms(3, 7, KEYS, 5)
    alone = uniforms(3, 7, KEYS[41:42], 5)
    np.testing.assert_array_equal(together[41], alone[0])


def test_fewer_crops_are_the_first_of_more() -> None:
    np.testing.assert_array_equal(uniforms(3, 7, KEYS, 5)[:, :2], uniforms(3, 7, KEYS, 2))


def test_seed_epoch_image_and_crop_each_change_the_draw() -> None:
    base = uniforms(3, 7, KEYS[:1], 2)
    others = [uniforms(4, 7, KEYS[:1], 2), uniforms(3, 8, KEYS[:1], 2), uniforms(3, 7, KEYS[1:2], 2), base[:, ::-1]]
    assert all((base != other).all() for other in others)


def test_draws_are_uniform_and_uncorrelated() -> None:
    draws = uniforms(0, 0, KEYS, 5).reshape(-1, 3)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert np.abs(draws.mean(axis=0) - 0.5).max() < 0.02
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.05
    assert np.abs(np.histogram(draws, 10, (0, 1))[0] / draws.size - 0.1).max() < 0.01


def test_the_key_of_a_picture_never_changes() -> None:
    assert image_key("n01440764_10026") == 8622913096764076126


@given(st.integers(20, 300), st.integers(20, 300), st.integers(0, 100))
def test_crops_lie_inside(height: int, width: int, seed: int) -> None:
    corners = crop_corners(uniforms(seed, 0, KEYS[:1], 20)[0], height, width, 20)
    assert (corners >= 0).all()
    assert (corners + 20 <= [height, width]).all()


def test_every_corner_is_reached() -> None:
    corners = crop_corners(uniforms(0, 0, KEYS[:1], 500)[0], 23, 25, 20)
    assert set(corners[:, 0]) == {0, 1, 2, 3}
    assert set(corners[:, 1]) == {0, 1, 2, 3, 4, 5}
