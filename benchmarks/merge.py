"""The greedy merge beside weighted boxes fusion and non-maximum suppression, on the boxes of one picture and class."""

import importlib
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from benchmarks.measure import medians
from overfeat.inference.merge import merge_boxes

WIDTH, HEIGHT = 500, 400
SIZES = (300, 1000, 3000)
OBJECTS, STRAYS = 20, 0.2
IOU = 0.55


def run(arguments: Namespace) -> dict[str, Any]:
    """Time the three on the CPU, for windows around 20 objects of which a fifth stray."""
    fuse = _weighted_boxes_fusion()
    result: dict[str, Any] = {}
    for size in SIZES:
        boxes, scores = crowd(size, seed=0)
        unit = boxes / np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], np.float32)
        sides = {
            "merge": partial(merge_boxes, boxes, scores),
            "weighted_boxes_fusion": partial(fuse, [unit], [scores], [np.zeros(size)], iou_thr=IOU),
            "nms": partial(nms, torch.from_numpy(boxes), torch.from_numpy(scores), IOU),
        }
        seconds = medians(sides, arguments.rounds)
        result |= {f"{name}_seconds_{size}": round(value, 5) for name, value in seconds.items()}
        result[f"times_faster_than_wbf_{size}"] = round(seconds["weighted_boxes_fusion"] / seconds["merge"], 2)
    return result


def crowd(size: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return boxes ``(size, 4)`` in a picture of 500x400, jittered by 3 to 10 % around objects, and their scores."""
    generator = np.random.default_rng(seed)
    sides = 40 * 5 ** generator.random((OBJECTS, 2))
    centres = generator.uniform((50, 40), (450, 360), (OBJECTS, 2))
    jitter = generator.uniform(0.03, 0.10, (OBJECTS, 1))
    which = generator.integers(0, OBJECTS, size)
    centre = centres[which] + sides[which] * jitter[which] * generator.normal(size=(size, 2))
    side = sides[which] * np.exp(jitter[which] * generator.normal(size=(size, 2)))
    stray = generator.random(size) < STRAYS
    side[stray] = 40 * 5 ** generator.random((stray.sum(), 2))
    centre[stray] = generator.uniform((50, 40), (450, 360), (stray.sum(), 2))
    boxes = np.concatenate([centre - side / 2, centre + side / 2], axis=1)
    boxes = np.clip(boxes, 0, (WIDTH, HEIGHT, WIDTH, HEIGHT))
    return boxes.astype(np.float32), generator.random(size, dtype=np.float32)


def _weighted_boxes_fusion() -> Callable[..., Any]:
    try:
        fuse: Callable[..., Any] = importlib.import_module("ensemble_boxes").weighted_boxes_fusion
    except ImportError:
        raise SystemExit("benchmark merge compares with ensemble_boxes: pip install 'overfeat[dev]'") from None
    return fuse
