"""Checkpoints: a network with its table, classes and history in one file. Loading one never executes code."""

import contextlib
import dataclasses
import hashlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from overfeat.atomic import replacing
from overfeat.errors import CheckpointError
from overfeat.models.detector import Detector
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor
from overfeat.models.tables import ModelTable, Stage

_FORMAT = 1


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values to ``path``, whole or not at all. Raises OSError where it cannot be written."""
    # To an open file: given a path, torch writes the file's name into the archive, and equal states differ in bytes.
    with replacing(path) as aside, aside.open("wb") as file:
        try:
            torch.save({"format": _FORMAT, **state}, file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # torch covers a full disk with an error of its own
                raise error.__context__ from None
            raise


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
    save_state(path, {**_network_state(net), "history": history})


def _network_state(net: OverFeat) -> dict[str, Any]:
    return {"table": dataclasses.asdict(net.table), "class_names": net.class_names, "weights": _weights(net)}


def load_network(path: Path) -> OverFeat:
    """Return the network that :func:`save_network` wrote, in evaluation mode on the CPU.

    Raises:
        CheckpointError: if the file is missing or damaged, or the weights do not fit its table.
    """
    state = load_state(path)
    with _fitting(path, "a network"):
        return _network(state)


def _network(state: dict[str, Any]) -> OverFeat:
    net = OverFeat(_table(state), len(state["class_names"]))
    net.load_state_dict(state["weights"])
    net.class_names = list(state["class_names"])
    return net.eval()


def save_regressor(path: Path, regressor: Regressor, history: dict[str, Any]) -> None:
    """Write a trained box regressor; see :func:`save_network`."""
    save_state(path, {**_regressor_state(regressor), "history": history})


def _regressor_state(regressor: Regressor) -> dict[str, Any]:
    return {
        "table": dataclasses.asdict(regressor.table),
        "class_names": regressor.class_names,
        "per_class": regressor.per_class,
        "trained_on": regressor.trained_on,
        "weights": _weights(regressor),
    }


def load_regressor(path: Path, net: OverFeat) -> Regressor:
    """Return the regressor that :func:`save_regressor` wrote, in evaluation mode on the CPU.

    Args:
        path: the file.
        net: the network whose features it will look at.

    Raises:
        CheckpointError: if the file is missing or damaged, or the regressor was trained on other features.
    """
    state = load_state(path)
    with _fitting(path, "a box regressor"):
        regressor = _regressor(state)
    if regressor.trained_on != weights_hash(net):
        raise CheckpointError(
            f"{path} was trained on the features of another network than the one given: name the same checkpoint in "
            "train_localizer.classifier and infer.checkpoint, or train the localizer again"
        )
    return regressor


def _regressor(state: dict[str, Any]) -> Regressor:
    regressor = Regressor(_table(state), list(state["class_names"]), bool(state["per_class"]))
    regressor.load_state_dict(state["weights"])
    regressor.trained_on = str(state["trained_on"])
    return regressor.eval()


def save_detector(path: Path, detector: Detector, history: dict[str, Any]) -> None:
    """Write a trained detector, classes and boxes in one file; see :func:`save_network`."""
    parts = {"network": _network_state(detector.net), "regressor": _regressor_state(detector.regressor)}
    save_state(path, {**parts, "margin": detector.margin, "history": history})


def load_detector(path: Path) -> Detector:
    """Return the detector that :func:`save_detector` wrote, in evaluation mode on the CPU.

    Raises:
        CheckpointError: if the file is missing or damaged, or the weights do not fit its table.
    """
    state = load_state(path)
    with _fitting(path, "a detector"):
        return Detector(_network(state["network"]), _regressor(state["regressor"]), int(state["margin"])).eval()


@contextlib.contextmanager
def _fitting(path: Path, what: str) -> Iterator[None]:
    """Turn what goes wrong while a module is built from a checkpoint into one sentence."""
    try:
        yield
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not hold {what} of ours ({str(error).splitlines()[0]})") from error


def _table(state: dict[str, Any]) -> ModelTable:
    table = state["table"]
    stages = tuple(Stage(**stage) for stage in table["stages"])
    scales = tuple((int(h), int(w)) for h, w in table["scales"])
    first, second = table["regressor"]
    return ModelTable(table["name"], stages, scales, (int(first), int(second)))


def _weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}


def weights_hash(net: OverFeat | Regressor) -> str:
    """Return a SHA-256 of the table, the classes and every weight: the model's identity in the results."""
    digest = hashlib.sha256(repr((net.table, net.class_names)).encode())
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()
