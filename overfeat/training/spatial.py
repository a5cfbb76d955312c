"""Windows of whole pictures, chosen and gathered from one pass over the features, gradients and all."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from overfeat.inference.dense import gather_windows
from overfeat.models.network import OverFeat, normalize
from overfeat.training.negatives import choose_negatives

Places = tuple[Tensor, Tensor]
"""Picture in the minibatch and window in its map, int64 ``(M,)`` each."""


def choose_windows(candidates: Tensor, count: int, generator: torch.Generator) -> Places:
    """Choose at random at most ``count`` true places of each row of ``candidates``, bool ``(B, N)``."""
    pictures, windows, _ = choose_negatives(candidates, None, count, "random", generator)
    return pictures, windows


def draw_generator() -> torch.Generator:
    """Return a generator on the CPU, seeded by torch's own, which the training loop seeds for every epoch."""
    return torch.Generator().manual_seed(int(torch.randint(2**62, ()).item()))


def nothing_taught(net: nn.Module) -> Tensor:
    """Return the loss of a minibatch that has no window to teach: 0, with gradients of 0."""
    return torch.stack([weights.sum() for weights in net.parameters() if weights.requires_grad]).sum() * 0


def features_of(net: OverFeat, pixels: Tensor) -> Tensor:
    """Return the unpooled features ``(B, C, h, w)`` of uint8 pictures ``(B, 3, H, W)``."""
    features: Tensor = net.features(normalize(pixels).contiguous(memory_format=torch.channels_last))
    return features


def window_columns(net: OverFeat, features: Tensor, places: Places) -> Tensor:
    """Return the pooled features of some windows, as :func:`overfeat.inference.dense.run_head` takes them.

    Args:
        net: whose features they are.
        features: unpooled, ``(B, C, h, w)``.
        places: which windows; they count row by row in the fine output map.
    """
    pictures, windows = places
    kernel, pool = net.table.classifier[0].kernel, net.geometry.pool
    pooled = F.max_pool2d(features, pool, stride=1)
    height, width = pooled.shape[2:]
    columns = width - pool * (kernel - 1)
    corners = (pictures * height + windows // columns) * width + windows % columns
    cells = pooled.permute(0, 2, 3, 1).flatten(0, 2)
    return gather_windows(cells, corners, torch.full_like(corners, width), kernel, pool)
