"""Tables that cannot work are refused with a sentence."""

import pytest

from overfeat.errors import SettingsError
from overfeat.models.tables import ModelTable, Stage, model_table

LAST = Stage("full", 0, 1)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ((Stage("conv", 8, 3),), "one or more 'full'"),
        ((LAST,), "one or more 'conv'"),
        ((Stage("full", 8, 1), Stage("conv", 8, 3), LAST), "must be one or more"),
        ((Stage("conv", 8, 3), Stage("full", 8, 2, stride=2), LAST), "no stride, pad or pool"),
        ((Stage("conv", 8, 3), Stage("full", 8, 2), Stage("full", 0, 2)), "only the first 'full' stage"),
        ((Stage("conv", 8, 3), Stage("full", 8, 2)), "belong to the last stage"),
        ((Stage("conv", 0, 3), LAST), "belong to the last stage"),
    ],
)
def test_impossible_tables(stages: tuple[Stage, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ModelTable("broken", stages, ())


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="did you mean 'accurate'"):
        model_table("acurate")
