"""What the full ImageNet recipe needs: computed from the networks, the profiles and a few measured numbers.

Nothing is run. Rates are in 10**12 floating-point operations a second, two for a multiply-add; a GB is 10**9 bytes. A
GPU's memory is that of mixed precision, without the convolutions' workspace and gradients that only pass.
"""

import json
from argparse import Namespace
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import nn

from overfeat.config import InferSettings, TrainLocalizerSettings
from overfeat.inference.windows import input_hw
from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor
from pipelines.engine.configure import compose
from pipelines.engine.settings import parse_section

ROOT = Path(__file__).parents[1]
RATES = (20, 50, 100, 200)
CLASSES = 1000
TRAIN_PICTURES, VAL_PICTURES = 1_281_167, 50_000
BOXED_SHARE = 0.5  # of the training pictures: about half have boxes
ARCHIVE_BYTES = 147_897_477_120 + 6_744_924_160  # training and validation; the other three archives have 25 MB
PICTURE_HW = 375, 500  # whose windows are counted: the usual size in ImageNet

# Measured on 143 original-size photographs of ImageNet at JPEG quality 95: the mean bytes of a stored picture.
TRAIN_BYTES = {256: 40_999}  # by preprocess.train_side
VAL_BYTES = {256: 39_719, 439: 84_214, 461: 84_976}  # by preprocess.evaluation_side
# Measured on some of them with random weights and 1,000 classes: the mean bytes of a window in the Parquet file.
ROW_BYTES = {"fast": 171.5, "accurate": 121.9}


def run(arguments: Namespace) -> dict[str, Any]:
    """Return disk, memory, operations and hours of the profiles ``fast`` and ``accurate``; no argument matters."""
    needs = {profile: _needs(profile) for profile in ROW_BYTES}
    return {"archives_gb": _gb(ARCHIVE_BYTES), "loader_crops_per_second_per_core": loader_speed(), **needs}


def _needs(profile: str) -> dict[str, Any]:
    values = compose(ROOT / "conf", [f"profile={profile}"])
    names = ("preprocess", "train_classifier", "train_localizer", "infer")
    preprocess, classifier, localizer, infer = (parse_section(name, values[name]) for name in names)
    with torch.device("meta"):  # shapes without memory
        net = OverFeat(values["model"], CLASSES)
        regressor = Regressor(net.table, [""] * CLASSES, localizer.per_class)
    geometry, weights = net.geometry, _parameters(net)
    seen = TRAIN_PICTURES * (1 - preprocess.calibration_share)
    views = seen * classifier.crops * (2 if classifier.flips == "both" else 1) * classifier.epochs
    windows = sum(_windows(geometry, scale) for scale in infer.scales) * (1 + infer.flips)
    a_view = 3 * 2 * geometry.multiply_adds(CLASSES)  # forward, and twice that backward
    looks = _pyramid(geometry, infer.scales) * (1 + infer.flips) + windows * _heads(net.classifier, regressor.head)
    boxed = seen * BOXED_SHARE * localizer.epochs
    operations = {
        "train_classifier": a_view * views,
        "train_localizer": boxed * _localizer_operations(geometry, regressor, localizer),
        "infer": VAL_PICTURES * 2 * looks,
    }
    return {
        "train_pictures_gb": _gb(TRAIN_PICTURES * TRAIN_BYTES[preprocess.train_side]),
        "val_pictures_gb": _gb(VAL_PICTURES * VAL_BYTES[preprocess.evaluation_side]),
        "classifier_gb": _gb(2 * 4 * weights),  # last.pt and best.pt
        "resume_gb": _gb(3 * 4 * weights),  # while it is trained: weights and momentum in state.pt, and best.pt
        "localizer_gb": _gb(2 * 4 * _parameters(regressor)),
        "windows_a_picture": windows,
        "evidence_gb": _gb(VAL_PICTURES * windows * ROW_BYTES[profile]),
        "training_gpu_gb": _gb(14 * weights + classifier.batch_size * view_bytes(net)),
        "infer_gpu_gb": _gb(6 * (weights + _parameters(regressor)) + _batch_bytes(net, infer)),
        "views": round(views),
        **{f"{stage}_exaflop": round(count / 1e18, 2) for stage, count in operations.items()},
        "hours": {rate: {s: round(n / (rate * 3.6e15), 1) for s, n in operations.items()} for rate in RATES},
        "views_per_second": {rate: round(rate * 1e12 / a_view) for rate in RATES},
        "loader_cores": {rate: round(rate * 1e12 / a_view / loader_speed(), 1) for rate in RATES},
    }


def _gb(count: float) -> float:
    return round(count / 1e9, 2)


def _parameters(module: nn.Module) -> int:
    return sum(weights.numel() for weights in module.parameters())


def _heads(*heads: nn.Module) -> int:
    """Return the multiply-adds of a window in fully connected layers: one a weight."""
    return sum(weights.numel() for head in heads for weights in head.parameters() if weights.dim() > 1)


def loader_speed() -> float:
    """Return how many crops a second a core makes, as it was measured last."""
    text = (ROOT / "benchmarks" / "results" / "cpu-2-cores.jsonl").read_text(encoding="utf-8")
    lines = [line for line in map(json.loads, text.splitlines()) if line["benchmark"] == "loader"]
    return float(lines[-1]["ours_crops_per_second_per_core"])


def feature_maps(geometry: Geometry, height: int, width: int) -> list[tuple[int, int, int]]:
    """Return for each convolutional stage its multiply-adds, and the numbers in its map before and after its pool."""
    maps, channels = [], 3
    for stage in geometry.table.features:
        height, width = ((side + 2 * stage.pad - stage.kernel) // stage.stride + 1 for side in (height, width))
        inside = height * width * stage.channels
        height, width = height // stage.pool, width // stage.pool
        maps.append((inside * channels * stage.kernel**2, inside, height * width * stage.channels))
        channels = stage.channels
    return maps


def _pyramid(geometry: Geometry, scales: tuple[int, ...]) -> int:
    """Return the multiply-adds of the features of one picture at all scales."""
    sizes = [input_hw(geometry, scale, *PICTURE_HW) for scale in scales]
    return sum(count for size in sizes for count, _, _ in feature_maps(geometry, *size))


def _windows(geometry: Geometry, scale: int) -> int:
    return prod(geometry.fine_side(side) for side in input_hw(geometry, scale, *PICTURE_HW))


def _localizer_operations(geometry: Geometry, regressor: Regressor, recipe: TrainLocalizerSettings) -> int:
    """Return the operations of an epoch for a picture: frozen features anew, and some windows of every map."""
    flips = 2 if recipe.flips != "none" else 1
    drawn = len(recipe.scales) * recipe.windows * (2 if recipe.flips == "both" else 1)
    a_window = 3 * _heads(regressor.head) - _heads(regressor.head[:1])  # frozen features want no gradient
    return 2 * (_pyramid(geometry, recipe.scales) * flips + drawn * a_window)


def _batch_bytes(net: OverFeat, infer: InferSettings) -> int:
    """Return the memory of a batch in ``infer``: windows, gathered and put in order, and two maps of features."""
    most = 0
    for scale in infer.scales:
        pictures = max(1, infer.batch_windows // _windows(net.geometry, scale))
        maps = feature_maps(net.geometry, *input_hw(net.geometry, scale, *PICTURE_HW))
        most = max(most, pictures * max(inside + pooled for _, inside, pooled in maps))
    columns = net.table.features[-1].channels * net.table.classifier[0].kernel ** 2
    return 2 * (2 * infer.batch_windows * columns + most)


def view_bytes(net: OverFeat) -> int:
    """Return the bytes a view keeps for the backward pass: bfloat16 maps, int64 places of a pool's greatest."""
    kept = 2 * 3 * net.window**2
    stages = zip(net.table.features, feature_maps(net.geometry, net.window, net.window), strict=True)
    for stage, (_, inside, pooled) in stages:
        kept += 2 * inside + (10 * pooled if stage.pool > 1 else 0)
    return kept + sum(3 * 2 * stage.channels for stage in net.table.classifier)
