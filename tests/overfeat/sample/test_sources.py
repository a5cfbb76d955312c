"""What divides training from validation."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.sample.sources import (
    columns_of,
    digit_of,
    digits_of,
    load_sources,
    random_of,
    scans_of,
    scene_random_of,
)

SEEDS = st.integers(0, 2**40)


def test_sources_are_the_scans_and_photographs(sources):
    assert sources.scans.shape == (1797, 8, 8)
    assert (sources.scans.dtype, sources.scans.min(), sources.scans.max()) == (np.uint8, 0, 255)
    assert [photograph.shape for photograph in sources.photographs] == [(427, 640, 3)] * 2
    assert np.bincount(sources.digits).min() > 150


@settings(deadline=None)  # the first example loads the sources
@given(SEEDS, st.integers(0, 9))
def test_the_splits_share_no_scan_and_leave_none_out(seed, digit):
    sources = load_sources()
    train, val = (scans_of(sources, seed, split, digit).tolist() for split in ("train", "val"))
    assert not set(train) & set(val)
    assert sorted(train + val) == np.flatnonzero(sources.digits == digit).tolist()
    assert len(val) == round(len(train + val) / 5)


def test_another_seed_holds_out_other_scans(sources):
    held_out = [set(scans_of(sources, seed, "val", 5).tolist()) for seed in range(5)]
    assert len({frozenset(scans) for scans in held_out}) == 5


def test_the_splits_share_no_column_and_leave_none_out(sources):
    for photograph in sources.photographs:
        columns = [column for split in ("train", "val") for column in range(*columns_of(photograph, split))]
        assert sorted(columns) == list(range(640))


@given(SEEDS, st.sampled_from(["train", "val"]), st.integers(0, 10**6))
def test_each_ten_pictures_in_a_row_show_all_ten_digits(seed, split, block):
    assert sorted(digit_of(seed, split, 10 * block + i) for i in range(10)) == list(range(10))


def test_the_order_of_digits_is_drawn():
    blocks = product((0, 1), ("train", "val"), range(5))
    orders = {tuple(digit_of(seed, split, 10 * block + i) for i in range(10)) for seed, split, block in blocks}
    assert len(orders) == 20


@pytest.mark.parametrize("other", [(1, "train", 0), (0, "val", 0), (0, "train", 1)])
def test_each_picture_draws_its_own_numbers(other):
    assert random_of(0, "train", 0).random() == random_of(0, "train", 0).random()
    assert random_of(0, "train", 0).random() != random_of(*other).random()


def test_no_picture_shares_its_numbers_with_one_of_the_other_half():
    keys = product((0, 1, 2**33), ("train", "val"), range(50))
    firsts = [halves(*key).random() for key in keys for halves in (random_of, scene_random_of)]
    assert len(set(firsts)) == 600


@given(SEEDS, st.sampled_from(["train", "val"]), st.integers(0, 10**6))
def test_each_ten_scenes_show_every_digit_twice_and_two_of_them_none(seed, split, block):
    scenes = [digits_of(seed, split, 10 * block + i) for i in range(10)]
    assert sorted(len(digits) for digits in scenes) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert Counter(digit for digits in scenes for digit in digits) == dict.fromkeys(range(10), 2)


def test_what_scenes_show_is_drawn():
    blocks = list(product((0, 1), ("train", "val"), range(25)))
    scenes = [[digits_of(seed, split, 10 * block + i) for i in range(10)] for seed, split, block in blocks]
    assert len({tuple(block) for block in scenes}) == 100
    empty = Counter(i for block in scenes for i, digits in enumerate(block) if not digits)
    assert len(empty) == 10
    assert sum(empty.values()) == 200
    twins = sum(len(set(digits)) < len(digits) for block in scenes for digits in block)
    assert 20 < twins < 200
