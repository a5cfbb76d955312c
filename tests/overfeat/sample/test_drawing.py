"""What both halves of the sample draw with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from overfeat.sample.drawing import (
    STAMP,
    cover_of,
    draw_background,
    draw_size,
    draw_tint,
    inclusive,
    ink_box,
    scaled,
    turned,
)
from overfeat.sample.sources import columns_of, load_sources


@given(st.integers(0, 2**32), st.integers(20, 60), st.integers(0, 60), st.floats(1, 2))
def test_a_size_keeps_to_its_ranges(seed, shortest, more, aspect):
    width, height = draw_size(np.random.default_rng(seed), (shortest, shortest + more), aspect)
    assert shortest <= min(width, height) <= shortest + more
    assert max(width, height) <= aspect * min(width, height)


def test_sizes_reach_the_ends_of_their_ranges_and_lie_and_stand():
    random = np.random.default_rng(0)
    sizes = [draw_size(random, (20, 23), 1.5) for _ in range(400)]
    assert {min(size) for size in sizes} == {20, 21, 22, 23}
    assert max(max(size) / min(size) for size in sizes) > 1.4
    assert 150 < sum(width < height for width, height in sizes) < 250


@settings(deadline=None)  # the first example loads the sources
@given(st.integers(0, 2**32), st.sampled_from(["train", "val"]), st.integers(60, 200), st.integers(60, 200))
def test_a_background_is_a_dark_crop_from_the_columns_of_its_split(seed, split, width, height):
    sources = load_sources()
    image, number, (left, top, right, bottom) = draw_background(
        np.random.default_rng(seed), sources, split, (width, height)
    )
    first, last = columns_of(sources.photographs[number], split)
    assert first <= left < right <= last
    assert 0 <= top < bottom <= 427
    assert (image.size, image.mode) == ((width, height), "RGB")
    seen = sources.photographs[number][top:bottom, left:right].mean()
    assert 0.24 * seen - 2 < np.asarray(image).mean() < 0.56 * seen + 2


def test_the_box_of_ink_is_that_of_a_slow_search(sources):
    random = np.random.default_rng(0)
    for number in range(20):
        stamp = turned(random, sources.scans[number])
        assert stamp.size == (STAMP, STAMP)
        stamp, box = scaled(stamp, random.uniform(0.5, 2))
        inked = [(x, y) for y in range(stamp.height) for x in range(stamp.width) if stamp.getpixel((x, y)) >= 128]
        xs, ys = zip(*inked, strict=True)
        assert box == ink_box(stamp) == (min(xs), min(ys), max(xs) + 1, max(ys) + 1)
        assert inclusive(box) == (min(xs), min(ys), max(xs), max(ys))


@pytest.mark.parametrize("corner", [(0, 0), (5, 9), (26, 31)])
def test_the_ink_of_a_cover_begins_at_its_corner(corner):
    stamp = Image.new("L", (30, 20))
    stamp.paste(255, (4, 6, 28, 15))
    cover = cover_of(stamp, ink_box(stamp), corner, (50, 40))
    assert cover.size == (50, 40)
    assert ink_box(cover) == (corner[0], corner[1], corner[0] + 24, corner[1] + 9)


def test_tints_are_bright_and_differ():
    random = np.random.default_rng(0)
    tints = np.array([draw_tint(random) for _ in range(500)])
    assert (tints.min(), tints.max()) == (195, 255)
    assert (np.ptp(tints, axis=1) > 20).mean() > 0.5
