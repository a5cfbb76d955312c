"""Training one net on two processes beside one, on the CPU, or on all GPUs beside one: seconds an epoch, whole loop."""

import os
import statistics
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.loader import write_shard
from benchmarks.pictures import photographs
from overfeat.config import TrainClassifierSettings
from overfeat.training.classifier import train_classifier
from pipelines import launch

EPOCHS = 3
"""The first does not count: in it memory is taken and threads start."""


def run(arguments: Namespace) -> dict[str, Any]:
    """Time epochs of the mini net on the CPU, of the fast net on CUDA, on stored pictures, sides in turn."""
    device = arguments.device
    many = torch.cuda.device_count() if device == "cuda" else 2
    processors = len(os.sched_getaffinity(0))
    sides = {"one": (1, processors), "several": (many, processors)}
    if device == "cpu":
        sides["one_of_one_thread"] = (1, processors // many)
    model, side = ("fast", 256) if device == "cuda" else ("mini", 66)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        images = Path(scratch) / "images"
        for split, times in (("train", 1 if device == "cpu" else 40), ("val", 1)):
            write_shard(images, photographs(arguments.pictures) * times, split, side)
        recipe = TrainClassifierSettings(epochs=EPOCHS, crops=2, flips="both", learning_rate=1e-4, device=device)
        for number in range(arguments.rounds):
            for name, (processes, threads) in list(sides.items())[:: -1 if number % 2 else 1]:
                folder = Path(scratch) / f"{name}-{number}"
                seconds[name] += _epochs(images, model, recipe, folder, processes, threads)
    epoch = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "model": model,
        "processes": many,
        **{f"{name}_seconds_an_epoch": round(value, 3) for name, value in epoch.items()},
        "times_one": round(epoch["one"] / epoch["several"], 3),
        "load_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
    }


def _epochs(
    images: Path, model: str, recipe: TrainClassifierSettings, folder: Path, processes: int, threads: int
) -> list[float]:
    """Train and return the seconds of each epoch but the first, by when its line came."""
    came: list[float] = []
    facts = {"images": images, "class_names": ["class"], "model": model, "recipe": recipe, "member": 0}
    with _threads(threads):
        launch.run(processes, train_classifier, {**facts, "folder": folder}, lambda _: came.append(time.monotonic()))
    return np.diff(came).tolist()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)
