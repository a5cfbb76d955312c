"""Photographs for the benchmarks that need some."""

from pathlib import Path

import torch
from sklearn.datasets import load_sample_images

from overfeat.images.decode import encode


def photographs(folder: Path | None, count: int = 120) -> list[bytes]:
    """Return JPEG photographs: those of ``folder``, or 500x375 cuts of the two that scikit-learn ships."""
    if folder is not None:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
        return [path.read_bytes() for path in files]
    sources = [torch.from_numpy(image.copy()).permute(2, 0, 1) for image in load_sample_images().images]
    generator = torch.Generator().manual_seed(0)
    cuts = []
    for number in range(count):
        source = sources[number % 2]
        top, left = (
            int(torch.randint(source.shape[i] - side, (), generator=generator)) for i, side in ((1, 375), (2, 500))
        )
        cuts.append(encode(source[:, top : top + 375, left : left + 500].contiguous(), 95))
    return cuts
