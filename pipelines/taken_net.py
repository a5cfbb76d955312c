"""A finished checkpoint taken in the place of a training of the classifier (``train_classifier.weights``)."""

import math
from pathlib import Path

import pandas as pd
import torch

from overfeat.atomic import write_text
from overfeat.config import TrainClassifierSettings
from overfeat.devices import choose_device
from overfeat.errors import CheckpointError
from overfeat.images.shards import shard_paths
from overfeat.models.checkpoints import load_network, save_network
from overfeat.models.network import OverFeat
from overfeat.models.outputs import choose_outputs
from overfeat.models.tables import model_table
from overfeat.results.store import read_footer
from overfeat.training.classifier import classifier_task
from pipelines import paths
from pipelines.engine.console import say


def take_net(checkpoint: Path, model: str, settings: TrainClassifierSettings, member: Path) -> None:
    """Write the files that training would have, with one point of the curves, at epoch 0.

    Args:
        checkpoint: the file.
        model: name of the table that it must have.
        settings: how to measure it on the validation pictures.
        member: folder of the member, which is made.

    Raises:
        CheckpointError: if the checkpoint is of another model, lacks a class, or gives what is not finite.
    """
    whole = _load(checkpoint, model)
    facts = read_footer(shard_paths(paths.IMAGES, "train")[0])
    try:
        net = choose_outputs(whole, facts["class_names"], facts["class_words"])
    except CheckpointError as error:
        raise CheckpointError(f"{checkpoint} (train_classifier.weights) cannot be taken: {error}") from error
    for name in ("last.pt", "best.pt"):
        save_network(member / name, net, {"model": model, "taken_from": checkpoint.name, "epoch": 0})
    placed = net.to(choose_device(settings.device)).to(memory_format=torch.channels_last)
    measures = classifier_task(paths.IMAGES, placed, settings, seed=0).validate()
    if not all(map(math.isfinite, measures.values())):
        raise CheckpointError(f"{checkpoint} (train_classifier.weights) gives outputs that are not finite")
    curves = pd.DataFrame([{"epoch": 0, "learning_rate": None, "train_loss": None, **measures}])
    write_text(member / "curves.csv", curves.to_csv(index=False, na_rep="nan"))  # an empty one is plotted as 0
    shown = "  ".join(f"{name} {value:.4g}" for name, value in measures.items())
    classes = f"{net.num_classes:,} of its {whole.num_classes:,} classes"
    say(f"{member.name}: {checkpoint} is taken, {classes}; nothing is trained  {shown}")


def _load(checkpoint: Path, model: str) -> OverFeat:
    net, wanted = load_network(checkpoint), model_table(model)
    if net.table != wanted:
        other = "another version of it" if net.table.name == wanted.name else f"the model {net.table.name!r}"
        raise CheckpointError(
            f"the setting model is {model!r}, and {checkpoint} (train_classifier.weights) is {other}: "
            "choose the profile of that model, or another checkpoint"
        )
    return net
