"""What classes and pictures are called."""

import re

from hypothesis import given
from hypothesis import strategies as st

from overfeat.report.names import ClassNames, file_stem


def test_classes_of_the_same_words_are_told_apart() -> None:
    names = ClassNames(["n1", "n2", "n3", "n4"], ["crane", "crane", "", "cat"])
    assert names.shown == ["crane (n1)", "crane (n2)", "n3", "cat"]
    assert names.of("n4") == "cat"
    assert names.of("unheard of") == "unheard of"
    assert ClassNames(["cat", "dog"], ["cat", "cat"]).shown == ["cat", "cat (dog)"]


@given(st.text())
def test_a_file_is_called_by_a_hash(image_id: str) -> None:
    stem = file_stem("recognition", image_id)
    assert re.fullmatch("[0-9a-f]{16}", stem)
    assert stem == file_stem("recognition", image_id)
    assert stem != file_stem("detection", image_id)


def test_ids_that_would_be_one_together_with_their_task() -> None:
    assert file_stem("a", "b") != file_stem("ab", "")
