"""The trained networks of a folder of checkpoints, ready to look at pictures: those of recognition, or of detection."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from overfeat.models.checkpoint_folder import checkpoint_files, has_localizer, latest_files
from overfeat.models.checkpoints import load_detector, load_network, load_regressor, weights_hash
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor

_SHORT = 12


@dataclass(frozen=True)
class Ensemble:
    """Networks that vote as one.

    Attributes:
        nets: the members, in evaluation mode on one device, with the same table and ``class_names``.
        regressors: of the same members; none where no box was taught.
        name: of the model in results: its table and the beginning of its weights' hashes.
        margin: pixels put around every picture.
    """

    nets: list[OverFeat]
    regressors: list[Regressor]
    name: str
    margin: int

    @property
    def class_names(self) -> list[str]:
        """Labels by output channel."""
        names = self.nets[0].class_names
        assert names is not None
        return names

    @property
    def facts(self) -> dict[str, Any]:
        """What evidence must say of the networks that gave it."""
        geometry = {name: getattr(self.nets[0], name) for name in ("window", "stride", "fine_stride")}
        names = {"model": self.name, "class_names": self.class_names}
        return {**names, "geometry": geometry, "boxes": bool(self.regressors)}


def load_recognition(checkpoints: Path, which: str, device: torch.device) -> Ensemble:
    """Return the classifiers with their box regressors: the latest ones, also where the detector's training made them.

    Args:
        checkpoints: the folder of all checkpoints.
        which: "last" or "best".
        device: where to place the networks.

    Raises:
        CheckpointError: if one is missing, damaged, or does not fit the others.
    """
    nets = [load_network(path) for path in latest_files(checkpoints, "classifier", which)]
    files = latest_files(checkpoints, "localizer", which) if has_localizer(checkpoints) else []
    regressors = [load_regressor(path, net) for path, net in zip(files, nets, strict=bool(files))]
    name = _name(nets[0], [*nets, *regressors])
    return Ensemble(_placed(nets, device), [regressor.to(device) for regressor in regressors], name, 0)


def load_detection(checkpoints: Path, which: str, device: torch.device) -> Ensemble:
    """Return the detectors; arguments and errors are those of :func:`load_recognition`."""
    detectors = [load_detector(path) for path in checkpoint_files(checkpoints, "detector", which)]
    nets, regressors = [each.net for each in detectors], [each.regressor for each in detectors]
    name = _name(nets[0], [part for pair in zip(nets, regressors, strict=True) for part in pair])
    placed = [regressor.to(device) for regressor in regressors]
    return Ensemble(_placed(nets, device), placed, name, detectors[0].margin)


def _name(net: OverFeat, parts: list[OverFeat | Regressor]) -> str:
    return "-".join([net.table.name, *(weights_hash(part)[:_SHORT] for part in parts)])


def _placed(nets: list[OverFeat], device: torch.device) -> list[OverFeat]:
    return [net.to(device).to(memory_format=torch.channels_last) for net in nets]
