"""The learning rate as a function of the epochs done (paper, section 3.1)."""

import math

from overfeat.config import TrainClassifierSettings


def learning_rate(recipe: TrainClassifierSettings, epochs_done: float) -> float:
    """Return the learning rate after ``epochs_done`` epochs, fractions included.

    "step" halves it after each epoch of ``halve_after``; "cosine" brings it to 0 at the last. Over the first
    ``warmup_epochs`` it rises in a line from 0.
    """
    rate = recipe.learning_rate
    if recipe.schedule == "step":
        rate *= 0.5 ** sum(epochs_done >= epoch for epoch in recipe.halve_after)
    else:
        rate *= 0.5 * (1 + math.cos(math.pi * min(1.0, epochs_done / recipe.epochs)))
    if epochs_done < recipe.warmup_epochs:
        rate *= epochs_done / recipe.warmup_epochs
    return rate
