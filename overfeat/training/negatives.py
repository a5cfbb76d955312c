"""Negatives chosen on the fly, and the ledger that remembers them (paper, section 5).

The paper replaces bootstrapping passes by choosing "a few interesting negative examples per image such as random
ones or most offending ones" while training.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from overfeat.results.schemas import BOX, NEGATIVES
from overfeat.results.store import as_table, write_table
from overfeat.training.scenes import Scene

Choose = Literal["hardest", "random", "mix"]


def choose_negatives(
    background: Tensor, offence: Tensor | None, count: int, choose: Choose, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose windows of background for every picture.

    Args:
        background: which windows are, bool ``(B, N)``.
        offence: how much each window is taken for an object, ``(B, N)``; not needed for "random".
        count: of windows a picture, at most; "mix" takes half of them by offence and then half at random.
        choose: which.
        generator: on the CPU.

    Returns:
        Picture and window of each, int64 ``(M,)`` twice, no window twice; and which were chosen by their offence,
        bool ``(M,)``, these first in every picture.
    """
    hardest = {"hardest": count, "random": 0, "mix": count // 2}[choose]
    random = torch.rand(background.shape, generator=generator).to(background.device)
    # any window chosen by offence goes before any that is drawn; what is no background comes last
    rank = torch.where(background, random, -1.0)
    by_offence = torch.zeros_like(background)
    if hardest:
        assert offence is not None
        worst = torch.where(background, offence, -1.0).topk(min(hardest, background.shape[1]), dim=1)
        by_offence.scatter_(1, worst.indices, worst.values >= 0)
        rank = torch.where(by_offence, offence + 1, rank)
    best = rank.topk(min(count, background.shape[1]), dim=1)
    pictures, places = (best.values >= 0).nonzero(as_tuple=True)
    windows = best.indices[pictures, places]
    return pictures, windows, by_offence[pictures, windows]


class Ledger:
    """Which windows of background were chosen in an epoch, and what each was most taken for.

    Args:
        folder: gets a file an epoch, ``epoch-0001.parquet``.
        labels: by class index, without background.
    """

    def __init__(self, folder: Path, labels: Sequence[str]) -> None:
        self.folder = folder
        self.labels = list(labels)
        self._parts: list[pa.Table] = []

    def add(
        self, epoch: int, scenes: Sequence[Scene], pictures: Tensor, windows: Tensor, scores: Tensor, hardest: Tensor
    ) -> None:
        """Remember windows.

        Args:
            epoch: from 0.
            scenes: the minibatch.
            pictures: of each window, from :func:`choose_negatives`.
            windows: likewise.
            hardest: likewise.
            scores: probabilities of the classes, without background, ``(M, K)``.
        """
        picture, window = pictures.cpu().numpy(), windows.cpu().numpy()
        best = scores.cpu().max(1)
        fields = np.stack([scene.grid.fields_of_view() for scene in scenes])[picture, window]
        columns = {
            "image_id": [scenes[i].image_id for i in picture],
            "epoch": np.full(len(picture), epoch + 1, np.int16),
            "scale": np.array([scenes[i].scale for i in picture], np.int8),
            "flip": np.array([scenes[i].grid.flip for i in picture], bool),
            **{side: fields[:, i] for i, side in enumerate(BOX)},
            "label": [self.labels[i] for i in best.indices.tolist()],
            "score": best.values.numpy().astype(np.float32),
            "hardest": hardest.cpu().numpy(),
        }
        self._parts.append(as_table(columns, NEGATIVES))

    def write(self, epoch: int) -> None:
        """Write what was added since the last call as the file of an epoch (from 0)."""
        parts = [NEGATIVES.empty_table(), *self._parts]
        table = pa.concat_tables(parts).unify_dictionaries()
        write_table(self.folder / f"epoch-{epoch + 1:04d}.parquet", table, NEGATIVES, {"class_names": self.labels})
        self._parts = []
