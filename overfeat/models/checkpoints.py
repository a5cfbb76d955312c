"""Checkpoints: a network with its table, classes and history in one file. Loading one never executes code."""

import dataclasses
import hashlib
import pickle
from pathlib import Path
from typing import Any

import torch

from overfeat.atomic import replacing
from overfeat.errors import CheckpointError
from overfeat.models.network import OverFeat
from overfeat.models.tables import ModelTable, Stage

_FORMAT = 1


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values to ``path``, whole or not at all."""
    # To an open file: given a path, torch writes the file's name into the archive, and equal states differ in bytes.
    with replacing(path) as aside, aside.open("wb") as file:
        torch.save({"format": _FORMAT, **state}, file)


def load_state(path: Path) -> dict[str, Any]:
    """Return what :func:`save_state` wrote, on the CPU: tensors and plain values only.

    Raises:
        CheckpointError: if the file is missing, damaged, holds anything else, or is of a newer format.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint at {path}: run the training stage, or give another path")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path} is not a whole checkpoint of plain weights ({reason}); train it again"
        ) from error
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of format {_FORMAT}, the one this program reads")
    return state


def save_network(path: Path, net: OverFeat, history: dict[str, Any]) -> None:
    """Write a trained network.

    Args:
        path: the file.
        net: with ``class_names`` set.
        history: plain values: epoch, settings, errors.
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    table = dataclasses.asdict(net.table)
    save_state(path, {"table": table, "class_names": net.class_names, "weights": weights, "history": history})


def load_network(path: Path) -> OverFeat:
    """Return the network that :func:`save_network` wrote, in evaluation mode on the CPU.

    Raises:
        CheckpointError: if the file is missing or damaged, or the weights do not fit its table.
    """
    state = load_state(path)
    try:
        stages = tuple(Stage(**stage) for stage in state["table"]["stages"])
        scales = tuple((int(h), int(w)) for h, w in state["table"]["scales"])
        net = OverFeat(ModelTable(state["table"]["name"], stages, scales), len(state["class_names"]))
        net.load_state_dict(state["weights"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not hold a network of ours ({str(error).splitlines()[0]})") from error
    net.class_names = list(state["class_names"])
    return net.eval()


def weights_hash(net: OverFeat) -> str:
    """Return a SHA-256 of the table, the classes and every weight: the model's identity in the results."""
    digest = hashlib.sha256(repr((net.table, net.class_names)).encode())
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()
