"""The outputs of a finished network, brought into the order of a data set's classes."""

from collections import Counter
from collections.abc import Sequence

import torch

from overfeat.errors import CheckpointError
from overfeat.models.network import OverFeat

_NAMED = 3
"""Classes that a message names."""


def choose_outputs(net: OverFeat, labels: Sequence[str], words: Sequence[str]) -> OverFeat:
    """Return a network with those outputs of ``net`` that stand for a data set's classes, in their order.

    A class has the output whose name in ``net.class_names`` equals its label, else the one whose name equals its
    words. A name that several outputs have is given out in their order, if as many classes ask for it ("crane" of
    ImageNet is a bird and a machine). Outputs that no class asks for are left out.

    Args:
        net: with ``class_names``.
        labels: by class index, each once.
        words: what each class is called for people, by class index.

    Returns:
        A network in evaluation mode with ``class_names`` ``labels``. It has a last layer of its own, and shares the
        memory of all other weights with ``net``.

    Raises:
        CheckpointError: if a class has no output, or several outputs or classes of one name cannot be told apart.
    """
    channels = _channels(net.class_names or [], labels, words)
    with torch.device("meta"):
        chosen = OverFeat(net.table, len(labels))
    last = f"classifier.{len(net.classifier) - 1}."
    weights = {name: tensor[channels] if name.startswith(last) else tensor for name, tensor in net.state_dict().items()}
    chosen.load_state_dict(weights, assign=True)
    chosen.class_names = list(labels)
    return chosen.eval()


def _channels(names: Sequence[str], labels: Sequence[str], words: Sequence[str]) -> list[int]:
    """Return the output channel of each class."""
    known = set(names)
    asked = [label if label in known else word for label, word in zip(labels, words, strict=True)]
    _refuse_missing([number for number, name in enumerate(asked) if name not in known], labels, words)
    having: dict[str, list[int]] = {name: [] for name in asked}
    for channel, name in enumerate(names):
        if name in having:
            having[name].append(channel)
    for name, classes in Counter(asked).items():
        if classes != len(having[name]):
            raise CheckpointError(
                f"{name!r} is the name of {len(having[name])} of the network's outputs and of {classes} of the data "
                "set's classes, so that nobody can say which is which: give them names that tell them apart"
            )
    turns = {name: iter(channels) for name, channels in having.items()}
    return [next(turns[name]) for name in asked]


def _refuse_missing(missing: Sequence[int], labels: Sequence[str], words: Sequence[str]) -> None:
    if not missing:
        return
    shown = ", ".join(f"{labels[number]} {words[number]!r}" for number in missing[:_NAMED])
    more = ", ..." if len(missing) > _NAMED else ""
    raise CheckpointError(
        f"the network has no output for {len(missing):,} of the data set's {len(labels):,} classes ({shown}{more}): "
        "neither their labels nor their words are among the names of its classes"
    )
