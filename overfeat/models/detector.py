"""The detector: a net with a background class, and a box regressor on the same features (paper, section 5)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from overfeat.models.network import OverFeat, initialize
from overfeat.models.regressor import Regressor

BACKGROUND = "background"
"""Name of the last class: no object."""


class Detector(nn.Module):
    """Finds any number of objects: every window has a class, or none, and a box.

    Args:
        net: whose last class is ``BACKGROUND``.
        regressor: of the boxes, on the features of ``net``, one box for all classes.
        margin: pixels put around a picture, so that an object at its edge can be in the middle of a window.
    """

    def __init__(self, net: OverFeat, regressor: Regressor, margin: int = 0) -> None:
        super().__init__()
        self.net = net
        self.regressor = regressor
        self.margin = margin


def start_detector(
    classifier: OverFeat,
    localizer: Regressor | None,
    labels: Sequence[str],
    margin: int,
    dropout: float,
    init: Literal["paper", "he"],
    seed: int,
) -> Detector:
    """Return a detector that begins with what the classifier, and the localizer if there is one, have learned.

    Features and hidden layers are copied. So are the outputs of labels that the classifier knows; all other outputs,
    background among them, begin as :func:`overfeat.models.network.initialize` has last layers begin: N(0, 0.01).

    Args:
        classifier: with ``class_names``.
        localizer: of the same table; one with a box per class gives nothing but its hidden layers.
        labels: of the objects, by class index.
        margin: around a picture, in total strides of the net.
        dropout: drop rate on the hidden layers, in training mode.
        init: how layers begin that nothing is copied to, where there is no localizer.
        seed: of the new weights.
    """
    names = [*labels, BACKGROUND]
    net = OverFeat(classifier.table, len(names), dropout)
    net.class_names = names
    initialize(net, init, seed)
    net.features.load_state_dict(classifier.features.state_dict())
    _copy_hidden(net.classifier, classifier.classifier)
    known = classifier.class_names or []
    with torch.no_grad():
        for index, label in enumerate(labels):
            if label in known:
                ours, theirs = net.classifier[-1].state_dict(), classifier.classifier[-1].state_dict()
                for name in ours:
                    ours[name][index] = theirs[name][known.index(label)]
    regressor = Regressor(classifier.table, names, per_class=False)
    initialize(regressor, init, seed)
    if localizer is not None:
        _copy_hidden(regressor.head, localizer.head)
        if not localizer.per_class:
            regressor.head[-1].load_state_dict(localizer.head[-1].state_dict())
    return Detector(net, regressor, margin * net.stride)


def _copy_hidden(ours: nn.Sequential, theirs: nn.Sequential) -> None:
    """Copy all layers but the last."""
    ours[:-1].load_state_dict(theirs[:-1].state_dict())
