"""Timing: the sides of a comparison in turn, and the median of each, since machines are noisy."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch


def medians(sides: Mapping[str, Callable[[], Any]], rounds: int, device: str = "cpu") -> dict[str, float]:
    """Return the median seconds of each side, measured A B C, C B A, A B C ..., after one round that does not count.

    The order turns, since what ran before leaves its mark on caches and clocks.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in list(sides.items())[:: -1 if number % 2 else 1]:
            started = time.perf_counter()
            side()
            if device == "cuda":
                torch.cuda.synchronize()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def matmul_flops(device: str, rounds: int = 5) -> float:
    """Return the floating point operations a second of this machine's own product of two large matrices."""
    side = 8192 if device == "cuda" else 2048
    kind = torch.bfloat16 if device == "cuda" else torch.float32
    left, right = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    return 2 * side**3 / medians({"matmul": lambda: left @ right}, rounds, device)["matmul"]


def machine(device: str) -> dict[str, Any]:
    """Describe the hardware and versions a line was measured with."""
    processor = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), "unknown")
    facts: dict[str, Any] = {
        "processor": processor,
        "processors": len(os.sched_getaffinity(0)),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    return facts | ({"gpu": torch.cuda.get_device_name()} if device == "cuda" else {})


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
