"""Downsampling (paper, section 3.1: "each image is downsampled so that the smallest dimension is 256 pixels")."""

import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2.functional import InterpolationMode, resize


def size_for_side(height: int, width: int, side: int) -> tuple[int, int]:
    """Return ``(height, width)`` with the smallest side ``side`` and the aspect kept to the nearest pixel."""
    factor = side / min(height, width)
    return max(side, round(height * factor)), max(side, round(width * factor))


def resize_to(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a uint8 ``(..., H, W)`` picture at ``size`` (height, width), bilinear with antialiasing."""
    if image.shape[-2:] == size:
        return image
    resized: Tensor = resize(image, list(size), InterpolationMode.BILINEAR, antialias=True)
    return resized


def resize_to_side(image: Tensor, side: int) -> Tensor:
    """Return the picture with its smallest side ``side``; a smaller one is enlarged."""
    return resize_to(image, size_for_side(image.shape[-2], image.shape[-1], side))


def add_margin(image: Tensor, margin: int, shade: int = 118) -> Tensor:
    """Return uint8 ``(3, h, w)`` with ``margin`` pixels of one shade around it; the default is the mean pixel."""
    return F.pad(image, (margin,) * 4, value=shade) if margin else image
