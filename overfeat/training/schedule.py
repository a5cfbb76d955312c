"""What a recipe says of any training: epochs, optimiser, and the learning rate (paper, section 3.1)."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from overfeat.config import RecipeSettings
from overfeat.training.ranks import ALONE, Ranks


@dataclass
class ByRecipe:
    """The part of a :class:`overfeat.training.loop.Task` that its recipe settles."""

    net: nn.Module
    seed: int
    recipe: RecipeSettings

    @property
    def epochs(self) -> int:
        """Passes over the pictures."""
        return self.recipe.epochs

    @property
    def clip_norm(self) -> float | None:
        """Length to which longer gradients are cut: they are left as they are, as in the paper."""
        return None

    @property
    def ranks(self) -> Ranks:
        """The processes that train it: this one alone."""
        return ALONE

    def optimizer(self) -> torch.optim.Optimizer:
        """Return the recipe's optimiser over all weights; those that need no gradient stay as they are."""
        return make_optimizer(self.net, self.recipe)

    def learning_rate(self, epochs_done: float) -> float:
        """Return the recipe's learning rate."""
        return learning_rate(self.recipe, epochs_done)


def make_optimizer(net: nn.Module, recipe: RecipeSettings) -> torch.optim.Optimizer:
    """Return SGD over all weights of ``net``; the learning rate is set before every step."""
    return torch.optim.SGD(
        net.parameters(), momentum=recipe.momentum, nesterov=recipe.nesterov, weight_decay=recipe.weight_decay
    )


def learning_rate(recipe: RecipeSettings, epochs_done: float) -> float:
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
