"""A training step as the loop does it, beside a plain float32 loop in the usual memory format."""

from argparse import Namespace
from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.measure import matmul_flops, medians
from overfeat.models.network import OverFeat, initialize, normalize

STEPS = 4


def run(arguments: Namespace) -> dict[str, Any]:
    """Time steps of the mini net on the CPU, of the fast net on CUDA, minibatch 128."""
    device = arguments.device
    model = "fast" if device == "cuda" else "mini"
    ours, plain = _make(model, device), _make(model, device)
    ours = ours.to(memory_format=torch.channels_last)
    crops = torch.randint(256, (128, 3, ours.window, ours.window), dtype=torch.uint8)
    labels = torch.randint(ours.num_classes, (128,), device=device)
    optimizers = {id(net): torch.optim.SGD(net.parameters(), 1e-3, 0.6, weight_decay=1e-5) for net in (ours, plain)}

    def steps(net: OverFeat, layout: torch.memory_format, mixed: bool) -> None:
        for _ in range(STEPS):
            pixels = normalize(crops.to(device, non_blocking=True)).contiguous(memory_format=layout)
            with torch.autocast(device, torch.bfloat16, enabled=mixed):
                loss = F.cross_entropy(net(pixels).flatten(1), labels)
            optimizers[id(net)].zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
            optimizers[id(net)].step()

    sides = {
        "ours": lambda: steps(ours, torch.channels_last, device == "cuda"),
        "plain": lambda: steps(plain, torch.contiguous_format, False),
    }
    seconds = medians(sides, arguments.rounds, device)
    views = {name: 128 * STEPS / value for name, value in seconds.items()}
    operations = 3 * 2 * ours.geometry.multiply_adds(ours.num_classes)  # forward, and twice that backward
    return {
        "model": model,
        **{f"{name}_views_per_second": round(value, 1) for name, value in views.items()},
        "times_plain": round(views["ours"] / views["plain"], 3),
        "share_of_matmul_speed": round(views["ours"] * operations / matmul_flops(device), 3),
    }


def _make(model: str, device: str) -> OverFeat:
    net = OverFeat(model, 1000 if device == "cuda" else 20)
    initialize(net, "he", seed=0)
    return net.to(device).train()
