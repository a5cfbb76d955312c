"""Where the numbers are crunched."""

import os

import torch

from overfeat.errors import SettingsError


def choose_device(name: str) -> torch.device:
    """Return the device for a setting "auto", "cpu" or "cuda". Raises SettingsError if it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingsError("device is set to 'cuda' and torch finds no CUDA device here: set it to 'auto' or 'cpu'")
    return torch.device(name)


def spare_threads() -> int:
    """Return how many threads may decode while the main one computes: one less than the processors, at least one."""
    return max(1, len(os.sched_getaffinity(0)) - 1)
