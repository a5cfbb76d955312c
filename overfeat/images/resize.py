"""Downsampling (paper, section 3.1: "each image is downsampled so that the smallest dimension is 256 pixels")."""

import platform

import torch
import torch.nn.functional as F
from torch import Tensor


def size_for_side(height: int, width: int, side: int) -> tuple[int, int]:
    """Return ``(height, width)`` with the smallest side ``side`` and the aspect kept to the nearest pixel."""
    factor = side / min(height, width)
    return max(side, round(height * factor)), max(side, round(width * factor))


def resize_to(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a uint8 ``(..., 3, H, W)`` picture at ``size`` (height, width), bilinear with antialiasing.

    The same numbers as torchvision's ``resize``, whose import would take two seconds of who looks at one picture.
    """
    if image.shape[-2:] == size:
        return image
    batch = image.reshape(-1, *image.shape[-3:])
    if len(batch) == 1 and (rows := batch[0].movedim(0, -1)).is_contiguous():
        batch = rows[None].permute(0, 3, 1, 2)  # as decoders give it: torch knows the layout only by the strides
    whole = image.device.type == "cpu" and _knows_bytes()
    values = batch if whole else batch.float()
    resized = F.interpolate(values, size, mode="bilinear", align_corners=False, antialias=True)
    if not whole:
        resized = resized.round().to(image.dtype)
    return resized.reshape(*image.shape[:-2], *size)


def _knows_bytes() -> bool:
    """Return whether torch resizes bytes as such on this processor."""
    return torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512") or platform.machine() in ("aarch64", "arm64")


def resize_to_side(image: Tensor, side: int) -> Tensor:
    """Return the picture with its smallest side ``side``; a smaller one is enlarged."""
    return resize_to(image, size_for_side(image.shape[-2], image.shape[-1], side))


def add_margin(image: Tensor, margin: int, shade: int = 118) -> Tensor:
    """Return uint8 ``(3, h, w)`` with ``margin`` pixels of one shade around it; the default is the mean pixel."""
    return F.pad(image, (margin,) * 4, value=shade) if margin else image
