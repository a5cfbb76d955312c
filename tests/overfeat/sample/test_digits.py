"""One picture of the sample."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.sample.digits import compose
from overfeat.sample.sources import columns_of, load_sources, scans_of

SPLITS = st.sampled_from(["train", "val"])


@settings(deadline=None)  # the first example loads the sources
@given(st.integers(0, 2**40), SPLITS, st.integers(0, 10**6))
def test_a_picture_keeps_to_its_split_and_ranges(seed, split, index):
    sources = load_sources()
    picture = compose(sources, seed, split, index)
    width, height = picture.image.size
    assert 88 <= min(width, height) <= 120
    assert max(width, height) <= 1.5 * min(width, height)
    assert picture.scan in scans_of(sources, seed, split, picture.digit)
    assert sources.digits[picture.scan] == picture.digit
    first, last = columns_of(sources.photographs[picture.photograph], split)
    left, top, right, bottom = picture.crop
    assert first <= left < right <= last
    assert 0 <= top < bottom <= 427
    # the same zoom both ways, up to the rounding of a pixel
    assert abs((right - left) / width - (bottom - top) / height) < 2 / min(width, height)
    xmin, ymin, xmax, ymax = picture.box
    assert 0 <= xmin < xmax < width
    assert 0 <= ymin < ymax < height
    share = (ymax - ymin + 1) / min(width, height)
    assert 0.46 <= share <= 0.99 or (xmax - xmin + 1) / width > 0.9


@pytest.mark.parametrize("index", range(5))
def test_the_same_arguments_make_the_same_picture(sources, index):
    first, second = compose(sources, 1, "val", index), compose(sources, 1, "val", index)
    assert first.image.tobytes() == second.image.tobytes()
    assert first.box == second.box


@pytest.mark.parametrize(("split", "other"), [("train", "val"), ("val", "train")])
def test_nothing_of_the_other_split_gets_into_a_picture(sources, split, other):
    photographs, scans = [], sources.scans.copy()
    for photograph in sources.photographs:
        changed = photograph.copy()
        changed[:, slice(*columns_of(photograph, other))] = 255
        photographs.append(changed)
    for digit in range(10):
        scans[scans_of(sources, 0, other, digit)] = 255
    spoiled = replace(sources, photographs=tuple(photographs), scans=scans)
    for index in range(60):
        picture, same = compose(sources, 0, split, index), compose(spoiled, 0, split, index)
        assert picture.image.tobytes() == same.image.tobytes()
        different = compose(spoiled, 0, other, index)
        assert different.image.tobytes() != compose(sources, 0, other, index).image.tobytes()


def test_pictures_vary(sources):
    pictures = [compose(sources, 0, "train", index) for index in range(200)]
    modes = [picture.image.mode for picture in pictures]
    assert 1 <= modes.count("L") <= 25
    assert modes.count("RGB") + modes.count("L") == 200
    assert len({picture.image.size for picture in pictures}) > 150
    upright = sum(picture.image.width < picture.image.height for picture in pictures)
    assert 60 < upright < 140
    assert len({picture.scan for picture in pictures}) > 150
    assert {picture.photograph for picture in pictures} == {0, 1}
    heights = [(box[3] - box[1] + 1) / min(p.image.size) for p in pictures for box in [p.box]]
    assert min(heights) < 0.55
    assert max(heights) > 0.9


def test_the_digit_is_bright_on_dark(sources):
    for index in range(60):
        picture = compose(sources, 0, "val", index)
        pixels, cover = np.asarray(picture.image.convert("L")), np.asarray(picture.cover)
        assert pixels[cover == 0].max() <= 141
        assert pixels[cover == 255].min() >= 194
        assert (cover == 255).sum() > 50
