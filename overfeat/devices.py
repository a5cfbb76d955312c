"""Where the numbers are crunched. torch is loaded only where there may be a GPU to ask it for."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from overfeat.errors import SettingsError

if TYPE_CHECKING:
    import torch

_DRIVERS = ("nvidia*", "nvhost*", "nvmap", "dxg")
"""Device files of NVIDIA's drivers: of cards, of Tegra, of Windows' subsystem for Linux."""


def choose_device(name: str) -> "torch.device":
    """Return the device for a setting "auto", "cpu" or "cuda". Raises SettingsError if it is not there."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingsError("device is set to 'cuda' and torch finds no CUDA device here: set it to 'auto' or 'cpu'")
    return torch.device(name)


def wants_gpu(name: str) -> bool:
    """Return whether a setting "auto", "cpu" or "cuda" is for a GPU; "cuda" is, also on a machine that has none."""
    return name == "cuda" or (name == "auto" and _finds_gpu())


def _finds_gpu() -> bool:
    """Return whether torch finds a GPU; without a driver it cannot, and need not be loaded, which takes seconds."""
    devices = Path("/dev")
    if devices.is_dir() and not any(any(devices.glob(pattern)) for pattern in _DRIVERS):
        return False
    import torch

    return torch.cuda.is_available()


def processes_wanted(processes: int | None, device: str, setting: str) -> int:
    """Return how many processes are to train one net on this machine.

    Args:
        processes: as the setting says; None for one a GPU, or one on a CPU.
        device: "auto", "cpu" or "cuda".
        setting: the first one's name, for messages.

    Raises:
        SettingsError: if the device is not there, or there are fewer GPUs than processes.
    """
    if choose_device(device).type == "cpu":
        return processes or 1
    import torch

    gpus = torch.cuda.device_count()
    if processes is not None and processes > gpus:
        raise SettingsError(
            f"{setting} is {processes}, each on a GPU of its own, and torch finds {gpus} here: set it to {gpus} or less"
        )
    return processes or gpus


def spare_threads(processes: int = 1) -> int:
    """Return how many threads may decode while the main one computes.

    One less than the processors, or than a process's part of them where several compute; at least one.
    """
    return max(1, len(os.sched_getaffinity(0)) // processes - 1)
