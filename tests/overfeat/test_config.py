"""Settings: what is unknown, of the wrong type or out of range is refused with one sentence."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.config import SECTIONS, MergeSettings, TrainClassifierSettings, parse
from overfeat.errors import SettingsError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, r"unknown setting train_classifier.epoch \(did you mean 'epochs'\?\)"),
        ({"epochs": "three"}, "train_classifier.epochs must be of type int, not 'three'"),
        ({"epochs": True}, "must be of type int, not True"),
        ({"epochs": 0}, "must be from 1 to inf, not 0"),
        ({"momentum": 1.5}, "must be from 0 to 1, not 1.5"),
        ({"momentum": float("nan")}, "must be from 0 to 1, not nan"),
        ({"flips": "bth"}, r"must be one of 'both', 'random', 'none', not 'bth' \(did you mean 'both'\?\)"),
        ({"halve_after": 30}, "must be a list, not 30"),
        ({"halve_after": [30, "x"]}, "must be of type int, not 'x'"),
        ({"halve_after": [30, -1]}, "must be from 0 to inf, not -1"),
    ],
)
def test_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse(TrainClassifierSettings, values, "train_classifier")


def test_accepted_and_converted() -> None:
    parsed = parse(TrainClassifierSettings, {"learning_rate": 1, "halve_after": [3, 4]}, "t")
    assert parsed == TrainClassifierSettings(learning_rate=1.0, halve_after=(3, 4))
    assert isinstance(parsed.learning_rate, float)
    assert parse(MergeSettings, {"scales": [1, 2]}, "merge").scales == (1, 2)


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.floats() | st.text()))
@pytest.mark.parametrize("section", SECTIONS)
def test_nothing_but_a_settings_error_comes_out(section: str, values: dict[str, Any]) -> None:
    with contextlib.suppress(SettingsError):
        assert isinstance(parse(SECTIONS[section], values, section), SECTIONS[section])
