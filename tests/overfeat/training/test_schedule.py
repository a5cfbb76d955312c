"""The learning rate of the paper's recipe and of the short one."""

import pytest

from overfeat.config import TrainClassifierSettings
from overfeat.training.schedule import learning_rate

PAPER = TrainClassifierSettings()


@pytest.mark.parametrize(
    ("epochs_done", "halvings"),
    [(0, 0), (29.99, 0), (30, 1), (49.9, 1), (50, 2), (60, 3), (70, 4), (79.9, 4), (80, 5), (89, 5)],
)
def test_the_paper_halves_after_each_step(epochs_done: float, halvings: int) -> None:
    assert learning_rate(PAPER, epochs_done) == pytest.approx(0.05 / 2**halvings)


def test_the_defaults_are_the_paper() -> None:
    recipe = (PAPER.batch_size, PAPER.crops, PAPER.flips, PAPER.momentum, PAPER.weight_decay, PAPER.dropout, PAPER.init)
    assert recipe == (128, 5, "both", 0.6, 1e-5, 0.5, "paper")
    assert (PAPER.label_smoothing, PAPER.nesterov) == (0, False)


def test_cosine_rises_and_falls_to_nothing() -> None:
    recipe = TrainClassifierSettings(schedule="cosine", learning_rate=0.02, epochs=40, warmup_epochs=2)
    assert learning_rate(recipe, 0) == 0
    assert learning_rate(recipe, 1) == pytest.approx(0.01, rel=0.01)
    assert learning_rate(recipe, 20) == pytest.approx(0.01)
    assert learning_rate(recipe, 40) == pytest.approx(0, abs=1e-12)
