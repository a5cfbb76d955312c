"""One picture of the detection half."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from overfeat import boxes
from overfeat.sample.scenes import HEIGHT, compose_scene, is_clear
from overfeat.sample.sources import columns_of, digits_of, load_sources, scans_of

SPLITS = st.sampled_from(["train", "val"])
ROUNDING = 4  # enlarged up to three times, an edge moves by up to half an enlarged pixel and half one of the picture
CORNERS = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 30), st.integers(1, 30))
BOXES = CORNERS.map(lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3]))


@pytest.fixture(scope="module")
def scenes(sources):
    """The first 200 training pictures of seed 0."""
    return [compose_scene(sources, 0, "train", index) for index in range(200)]


@settings(deadline=None)  # the first example loads the sources
@example(382, "train", 131073)  # a thing of 62 pixels
@given(st.integers(0, 2**40), SPLITS, st.integers(0, 10**6))
def test_a_picture_keeps_to_its_split_and_ranges(seed, split, index):
    sources = load_sources()
    scene = compose_scene(sources, seed, split, index)
    width, height = scene.image.size
    assert 96 <= min(width, height) <= 144
    assert max(width, height) <= 1.4 * min(width, height)
    assert tuple(shown.digit for shown in scene.digits) == digits_of(seed, split, index)
    for shown in scene.digits:
        assert shown.scan in scans_of(sources, seed, split, shown.digit)
        assert sources.digits[shown.scan] == shown.digit
        assert HEIGHT[0] <= shown.box[3] - shown.box[1] + 1 <= HEIGHT[1]
    for thing in scene.distractors:
        longer = max(thing.box[2] - thing.box[0], thing.box[3] - thing.box[1]) + 1
        assert HEIGHT[0] - ROUNDING <= longer <= HEIGHT[1] + ROUNDING
    first, last = columns_of(sources.photographs[scene.photograph], split)
    assert first <= scene.crop[0] < scene.crop[2] <= last
    corners = [boxes.from_inclusive(thing.box) for thing in scene.digits + scene.distractors]
    found = np.array(corners, dtype=np.float64).reshape(-1, 4)
    assert np.array_equal(found, boxes.clip(found, width, height))
    for one, other in combinations(found, 2):
        assert boxes.iou(one, other) <= 0.05


def test_boxes_are_tight_to_the_ink_by_a_slow_search(scenes):
    for scene in scenes[:12]:
        for thing in scene.digits + scene.distractors:
            cover, (width, height) = thing.cover, scene.image.size
            assert cover.size == (width, height)
            inked = [(x, y) for y in range(height) for x in range(width) if cover.getpixel((x, y)) >= 128]
            xs, ys = zip(*inked, strict=True)
            assert thing.box == (min(xs), min(ys), max(xs), max(ys))


@given(BOXES, st.lists(BOXES, max_size=3))
def test_clear_boxes_share_little_pixel_by_pixel(box, taken):
    def pixels(box):
        return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}

    own = pixels(box)
    # 20 to 1 in whole numbers: 0.05 is none in binary
    expected = all(20 * len(own & other) <= min(len(own), len(other)) for other in map(pixels, taken))
    assert is_clear(box, taken) == expected


@pytest.mark.parametrize("index", range(5))
def test_the_same_arguments_make_the_same_picture(sources, index):
    first, second = compose_scene(sources, 1, "val", index), compose_scene(sources, 1, "val", index)
    assert first.image.tobytes() == second.image.tobytes()
    assert [shown.box for shown in first.digits] == [shown.box for shown in second.digits]


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
    textured = 0
    for index in range(60):
        scene, same = compose_scene(sources, 0, split, index), compose_scene(spoiled, 0, split, index)
        assert scene.image.tobytes() == same.image.tobytes()
        textured += sum(thing.textured for thing in scene.distractors)
        different = compose_scene(spoiled, 0, other, index)
        assert different.image.tobytes() != compose_scene(sources, 0, other, index).image.tobytes()
    assert textured > 0


def test_digits_and_distractors_are_bright_on_dark(scenes):
    for scene in scenes[:60]:
        pixels = np.asarray(scene.image.convert("L"))
        things = scene.digits + scene.distractors
        covers = np.array([np.asarray(thing.cover) for thing in things])
        assert pixels[(covers == 0).all(axis=0)].max() <= 141
        for shown in scene.digits:
            # where digits touch, one shows through the edge of another
            assert pixels[np.asarray(shown.cover) == 255].min() >= 194
        for thing in scene.distractors:
            assert pixels[np.asarray(thing.cover) == 255].max() >= 170


def test_every_picture_without_a_digit_has_something_that_is_none(scenes):
    alone = [scene for scene in scenes if not scene.digits]
    assert len(alone) == 40
    assert {len(scene.distractors) for scene in alone} == {1, 2, 3, 4}
    beside = [len(scene.distractors) for scene in scenes if scene.digits]
    assert set(beside) == {0, 1, 2}


def test_distractors_are_of_the_size_and_brightness_of_digits(scenes):
    def measure(things):
        sides = [max(thing.box[2] - thing.box[0], thing.box[3] - thing.box[1]) + 1 for _, thing in things]
        shades = [np.asarray(scene.image.convert("L"))[np.asarray(t.cover) == 255].mean() for scene, t in things]
        return np.mean(sides), np.mean(shades)

    side, shade = measure([(scene, shown) for scene in scenes for shown in scene.digits])
    other_side, other_shade = measure([(scene, thing) for scene in scenes for thing in scene.distractors])
    assert abs(side - other_side) < 6
    assert abs(shade - other_shade) < 15


def test_pictures_vary(scenes):
    modes = [scene.image.mode for scene in scenes]
    assert 1 <= modes.count("L") <= 25
    assert modes.count("RGB") + modes.count("L") == 200
    assert len({scene.image.size for scene in scenes}) > 150
    heights = [shown.box[3] - shown.box[1] + 1 for scene in scenes for shown in scene.digits]
    assert (min(heights), max(heights)) == (28, 60)
    assert 38 < np.mean(heights) < 50
    assert len({shown.scan for scene in scenes for shown in scene.digits}) > 250
    assert {scene.photograph for scene in scenes} == {0, 1}
    assert len({thing.shape for scene in scenes for thing in scene.distractors}) == 8
