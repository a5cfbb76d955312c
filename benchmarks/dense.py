"""Dense evaluation of the accurate net at 281x317 (54 windows) beside an offset loop and cropped windows."""

from argparse import Namespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.measure import matmul_flops, medians
from overfeat.inference.dense import dense
from overfeat.models.network import OverFeat, initialize

HEIGHT, WIDTH = 281, 317


@torch.inference_mode()
def run(arguments: Namespace) -> dict[str, Any]:
    """Time the three ways on one picture and say which share of the matrix-product speed the dense one reaches."""
    net = OverFeat("accurate").eval()
    initialize(net, "he", seed=0)
    net = net.to(arguments.device)
    images = torch.randn(1, 3, HEIGHT, WIDTH, device=arguments.device)
    geometry = net.geometry
    rows, cols = geometry.fine_side(HEIGHT), geometry.fine_side(WIDTH)

    def offset_loop() -> list[Tensor]:
        features, pool = net.features(images), geometry.pool
        return [net.classifier(F.max_pool2d(features[:, :, y:, x:], pool)) for y in range(pool) for x in range(pool)]

    def cropped() -> Tensor:
        corners = [(row * net.fine_stride, col * net.fine_stride) for row in range(rows) for col in range(cols)]
        windows: Tensor = net(torch.cat([images[..., y : y + net.window, x : x + net.window] for y, x in corners]))
        return windows

    sides = {"dense": lambda: dense(net, images), "offset_loop": offset_loop, "cropped": cropped}
    seconds = medians(sides, arguments.rounds, arguments.device)
    weights_features = sum(p.numel() for p in net.classifier.parameters() if p.dim() > 1)
    features_shape = net.features(images).shape
    operations = 2 * (_feature_multiply_adds(net, HEIGHT, WIDTH) + weights_features * rows * cols)
    return {
        "windows": rows * cols,
        "feature_map": list(features_shape),
        **{f"{name}_seconds": round(value, 4) for name, value in seconds.items()},
        "times_faster_than_offset_loop": round(seconds["offset_loop"] / seconds["dense"], 2),
        "times_faster_than_cropped": round(seconds["cropped"] / seconds["dense"], 2),
        "share_of_matmul_speed": round(operations / seconds["dense"] / matmul_flops(arguments.device), 3),
    }


def _feature_multiply_adds(net: OverFeat, height: int, width: int) -> int:
    total, channels = 0, 3
    for stage in net.table.features:
        height, width = ((side + 2 * stage.pad - stage.kernel) // stage.stride + 1 for side in (height, width))
        total += height * width * stage.channels * channels * stage.kernel**2
        height, width, channels = height // stage.pool, width // stage.pool, stage.channels
    return total
