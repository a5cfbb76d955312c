"""Dense evaluation: every pooling offset of the last pool in one pass (paper, section 3.3 and figure 3)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from overfeat.models.network import OverFeat


def dense(net: OverFeat, images: Tensor) -> Tensor:
    """Return fine logits: the last pool at all its p x p offsets, the outputs interleaved.

    Output cell (row, col) is the window whose top left pixel is ``(row, col) * net.fine_stride``; it was pooled at
    offset ``(row % p, col % p)``, so that ``[..., ::p, ::p]`` is the coarse output.

    Args:
        net: in evaluation mode.
        images: normalised pixels, ``(N, 3, H, W)`` float, sides at least one window. At sides from
            ``net.valid_size`` every offset gives the same number of windows.

    Returns:
        Logits ``(N, num_classes, H', W')``.
    """
    return at_all_offsets([net.classifier], net.features(images), net.geometry.pool)[0]


def at_all_offsets(heads: Sequence[nn.Sequential], features: Tensor, pool: int) -> list[Tensor]:
    """Run heads on the pooled features of all offsets and interleave the results.

    Pooling at stride 1 gives the maps of all offsets interleaved; neighbours in one offset's map are then ``pool``
    cells apart, so a head's first layer takes every ``pool``-th cell. Its windows are gathered into the columns of
    one matrix for the whole batch: one product reads the large weights once, where a loop over offsets reads them
    ``pool**2`` times.

    Args:
        heads: convolutions without stride or padding; the first of each has the same size, all others are 1x1.
        features: the unpooled last feature map ``(N, C, h, w)``.
        pool: size of the last pool.

    Returns:
        ``(N, channels, H', W')`` of each head.
    """
    first = heads[0][0]
    assert isinstance(first, nn.Conv2d)
    kernel = first.kernel_size[0]
    pooled = F.max_pool2d(features, pool, stride=1)
    height, width = (side - pool * (kernel - 1) for side in pooled.shape[2:])
    gathered = F.unfold(pooled, kernel, dilation=pool)  # (N, C * kernel**2, H' * W')
    columns = gathered.transpose(0, 1).flatten(1)
    return [run_head(head, columns).reshape(-1, len(features), height, width).transpose(0, 1) for head in heads]


def gather_windows(cells: Tensor, corners: Tensor, widths: Tensor, kernel: int, pool: int) -> Tensor:
    """Gather some windows of maps that lie in one matrix, whatever the sizes of the maps.

    Args:
        cells: pooled features at stride 1, ``(cells, C)``, map after map, row by row.
        corners: the cell of each window's top left, int64 ``(windows,)``.
        widths: cells in a row of its map, int64 ``(windows,)``.
        kernel: side of a window, in cells that are ``pool`` apart.
        pool: size of the last pool.

    Returns:
        ``(C * kernel**2, windows)``, as :func:`run_head` takes them.
    """
    steps = torch.arange(kernel, device=cells.device) * pool
    rows = corners[:, None, None] + steps[:, None] * widths[:, None, None] + steps
    return cells[rows.flatten(1)].permute(2, 1, 0).flatten(0, 1)


def run_head(head: nn.Sequential, columns: Tensor) -> Tensor:
    """Run a head on windows that were gathered.

    Args:
        head: convolutions, of which only the first may be larger than 1x1.
        columns: a window of the pooled features in each, ``(C * kernel**2, windows)``, in the order of the weights.

    Returns:
        ``(channels, windows)``.
    """
    first = head[0]
    assert isinstance(first, nn.Conv2d)
    assert first.bias is not None
    hidden = torch.addmm(first.bias[:, None], first.weight.flatten(1), columns)
    outputs: Tensor = head[1:](hidden[None, :, :, None])  # one long picture: (1, channels, windows, 1)
    return outputs[0, :, :, 0]
