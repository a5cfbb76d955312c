"""Names of files: safe, distinct, and with a way back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.results.export.names import image_id_of, safe_name

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@pytest.mark.parametrize(
    ("image_id", "name"),
    [
        ("ILSVRC2012_val_00000001", "ILSVRC2012_val_00000001"),
        ("train/a#1", "train%2Fa%231"),
        ("a.b-c", "a.b-c"),
        ("..", "%2E%2E"),
        (".a.", "%2Ea%2E"),
        ("100%", "100%25"),
        ("ü ", "ü%20"),
        ("~", "%7E"),
    ],
)
def test_examples(image_id: str, name: str) -> None:
    assert safe_name(image_id) == name
    assert image_id_of(name) == image_id


@given(TEXT)
def test_any_id_has_a_safe_name_and_a_way_back(image_id: str) -> None:
    name = safe_name(image_id)
    assert re.fullmatch(r"[\w%~-][\w.%~-]*(?<!\.)", name)
    assert 0 < len(name.encode()) <= 200
    assert image_id_of(name) in (None, image_id)
    if image_id and len(image_id) <= 16:
        assert image_id_of(name) == image_id  # at most 12 characters for each


@given(TEXT, TEXT)
def test_two_ids_have_two_names(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)


def test_long_ids_that_begin_alike() -> None:
    first, second = ("ü" * 200 + end for end in "ab")
    assert safe_name(first) != safe_name(second)
    assert image_id_of(safe_name(first)) is None
