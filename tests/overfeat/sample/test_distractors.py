"""Bright things that are no digits."""

import numpy as np
import pytest

from overfeat.sample.distractors import SHAPES, draw_fill, draw_shape


def drawn(count=600):
    random = np.random.default_rng(0)
    return [draw_shape(random) for _ in range(count)]


def test_every_shape_comes_about_equally_often_and_never_twice_the_same():
    names = [name for name, _ in drawn()]
    counts = [names.count(name) for name in SHAPES]
    assert sum(counts) == 600
    assert min(counts) > 45
    strokes = [scan.tobytes() for name, scan in drawn() if name in ("cross", "roof")]
    assert len(set(strokes)) > 0.9 * len(strokes)


def test_a_shape_has_as_much_ink_as_digits_have(sources):
    digits = sources.scans.mean(axis=(1, 2))
    for _, scan in drawn():
        assert (scan.shape, scan.dtype) == ((8, 8), np.uint8)
        assert scan.max() > 130
        assert 0.4 * digits.min() < scan.mean() < 2.6 * digits.max()
    strokes = [scan.mean() for name, scan in drawn() if name not in ("disc", "block")]
    assert np.quantile(digits, 0.01) * 0.5 < np.median(strokes) < np.quantile(digits, 0.99)


def test_no_shape_is_an_upright_bar_as_a_one_is():
    for name, scan in drawn():
        rows, columns = np.nonzero(scan >= 128)
        if name in ("bar", "two bars", "disc", "block"):
            assert np.ptp(rows) <= np.ptp(columns), name
        else:
            assert np.ptp(columns) >= 3, name


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_filling_is_bright_and_only_of_solid_shapes_a_photograph(sources, split, shape):
    random = np.random.default_rng(0)
    fills = [draw_fill(random, sources, split, shape, (40, 31)) for _ in range(60)]
    for image, textured in fills:
        assert (image.size, image.mode) == ((40, 31), "RGB")
        pixels = np.asarray(image)
        assert pixels.max() >= 195
        assert pixels.min() >= 100
        assert (len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1) == textured
    share = np.mean([textured for _, textured in fills])
    assert (0.4 < share < 0.8) if shape in ("disc", "block") else share == 0
