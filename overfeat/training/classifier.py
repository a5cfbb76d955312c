"""The classification net (paper, section 3.1): softmax cross-entropy on random crops, the output being 1x1."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from torch import Tensor

from overfeat.config import TrainClassifierSettings
from overfeat.devices import spare_threads
from overfeat.images.decode import decoded
from overfeat.images.loader import TrainingViews
from overfeat.images.resize import resize_to_side
from overfeat.images.shards import read_columns, shard_paths
from overfeat.models.checkpoints import save_network
from overfeat.models.network import OverFeat, initialize, normalize
from overfeat.training.loop import Batch, fit
from overfeat.training.ranks import ALONE, Ranks
from overfeat.training.schedule import ByRecipe

_VALIDATION_BATCH = 256


@dataclass
class ClassifierTask(ByRecipe):
    """The classifier as a thing to train; see :class:`overfeat.training.loop.Task`."""

    net: OverFeat
    seed: int
    recipe: TrainClassifierSettings
    views: TrainingViews
    images: int
    """Training pictures."""
    validation_shards: list[Path]
    side: int
    """Smallest side at which validation pictures are cropped: that of the training pictures."""
    ranks: Ranks = ALONE
    """The processes that train it."""

    def steps(self) -> int:
        """Return the minibatches of an epoch."""
        return -(-self.images * self.views.views_per_image // self.views.batch_size)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield crops and class indices, as :class:`overfeat.images.loader.Minibatch` has them, and a part's share."""
        for batch in self.views.epoch(epoch):
            share = () if self.ranks.size == 1 else (torch.tensor(batch.share),)
            yield batch.images, batch.labels, *share

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy; of a part, times its share."""
        images, labels, *share = batch
        logits = self.net(normalize(images).contiguous(memory_format=torch.channels_last)).flatten(1)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        return loss * share[0] if share else loss

    def save(self, path: Path, history: dict[str, Any]) -> None:
        """Write the network."""
        save_network(path, self.net, history)

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Return the loss and the top-1 and top-5 errors (percent) of one centre crop a picture."""
        device = next(self.net.parameters()).device
        loss, first, fifth, count = 0.0, 0.0, 0.0, 0.0
        for crops, labels in self._validation_crops():
            logits = self.net(normalize(crops.to(device))).flatten(1).float().cpu()
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            best = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
            first += int(best[:, 0].sum())
            fifth += int(best.any(1).sum())
            count += len(labels)
        loss, first, fifth, count = self.ranks.added_up([loss, first, fifth, count], device)
        return {
            "validation_loss": loss / count,
            "validation_error": 100 * (1 - first / count),
            "validation_top5_error": 100 * (1 - fifth / count),
        }

    def _validation_crops(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield centre crops of the validation pictures, or of this rank's part of them, a batch at a time."""
        window = self.net.window
        table = self._validation_pictures()
        labels = torch.tensor(table["class_index"].to_numpy())
        crops: list[Tensor] = []
        with ThreadPoolExecutor(self.views.threads) as pool:
            for row, picture in enumerate(decoded(table["jpeg"], pool)):
                image = resize_to_side(picture, self.side)
                top, left = (image.shape[1] - window) // 2, (image.shape[2] - window) // 2
                crops.append(image[:, top : top + window, left : left + window])
                if len(crops) == _VALIDATION_BATCH or row + 1 == len(labels):
                    yield torch.stack(crops), labels[row + 1 - len(crops) : row + 1].long()
                    crops = []

    def _validation_pictures(self) -> pa.Table:
        columns = ["class_index", "jpeg"]
        if self.ranks.size == 1:
            return read_columns(self.validation_shards, columns)
        parts = []
        for shard in self.validation_shards:  # one after the other: a rank need not hold those of the others
            rows = read_columns([shard], columns)
            parts.append(rows.filter(pa.array(np.arange(rows.num_rows) % self.ranks.size == self.ranks.rank)))
        return pa.concat_tables(parts)


def train_classifier(
    images: Path,
    class_names: list[str],
    model: str,
    recipe: TrainClassifierSettings,
    member: int,
    folder: Path,
    report: Callable[[str], None],
    ranks: Ranks = ALONE,
) -> None:
    """Train one net of the ensemble, alone or as one of several processes that train it together.

    Args:
        images: folder of shards with splits "train" and "val".
        class_names: labels by output channel.
        model: name of the table of stages.
        recipe: settings; member ``m`` uses seed ``recipe.seed + m``.
        member: number of the net, from 0.
        folder: gets ``last.pt``, ``best.pt`` and ``curves.csv``; a killed training goes on from what it finds here.
        report: takes one line an epoch, of the first rank.
        ranks: this process among those that train the net. All others are called with the same arguments. The
            minibatches are those of one process, and each rank does a part of each; with dropout, ranks drop
            differently.

    Raises:
        DatasetError: if the shards are missing or their pictures smaller than the window.
        TrainingError: if the loss is not finite.
    """
    seed = recipe.seed + member
    net = OverFeat(model, len(class_names), recipe.dropout)
    net.class_names = class_names
    initialize(net, recipe.init, seed)
    task = classifier_task(images, net, recipe, seed, ranks)
    history = {"model": model, "member": member, "recipe": asdict(recipe)}
    device = ranks.device(recipe.device)
    with ranks.joined(device):
        fit(task, folder, device, report, history)


def classifier_task(
    images: Path, net: OverFeat, recipe: TrainClassifierSettings, seed: int, ranks: Ranks = ALONE
) -> ClassifierTask:
    """Return the training of a net on a folder of shards with splits "train" and "val".

    Raises:
        DatasetError: if the shards are missing.
    """
    shards = shard_paths(images, "train")
    sizes = read_columns(shards, ["stored_width", "stored_height"])
    smallest = min(min(sizes[name].to_numpy()) for name in sizes.column_names)
    views = TrainingViews(
        shards=shards,
        window=net.window,
        crops=recipe.crops,
        flips=recipe.flips,
        batch_size=recipe.batch_size,
        seed=seed,
        threads=recipe.loader_threads or spare_threads(ranks.local_size),
        rank=ranks.rank,
        ranks=ranks.size,
    )
    side = max(int(smallest), net.window)
    return ClassifierTask(net, seed, recipe, views, sizes.num_rows, shard_paths(images, "val"), side, ranks)
