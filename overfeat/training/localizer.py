"""The box regressor, trained on the classifier's frozen features (paper, section 4.2).

Windows of several scales and all pooling offsets are taught the edges of the object they see, in their own frame,
with the L2 loss; windows that see less than half of an object are left out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
import torch.nn.functional as F
from torch import Tensor

from overfeat import boxes as geometry
from overfeat.config import TrainLocalizerSettings
from overfeat.devices import choose_device, spare_threads
from overfeat.errors import DatasetError
from overfeat.images.shards import read_columns, shard_paths
from overfeat.inference.dense import run_head
from overfeat.models.checkpoints import save_regressor, weights_hash
from overfeat.models.network import OverFeat, initialize
from overfeat.models.regressor import Regressor
from overfeat.training.loop import Batch, fit, has_ended
from overfeat.training.schedule import ByRecipe
from overfeat.training.window_store import COLUMNS, SIZES, Views, WindowStore, make_store, store_cells

_VALIDATION_BATCH = 4096
_IOU = 0.5
_NOTHING_SEEN = (
    "no window of the training pictures sees enough of an object: set train_localizer.scales to smaller scales, or "
    "train_localizer.min_overlap lower"
)


@dataclass
class LocalizerTask(ByRecipe):
    """The box regressor as a thing to train; see :class:`overfeat.training.loop.Task`."""

    net: Regressor
    seed: int
    recipe: TrainLocalizerSettings
    stores: Callable[[int], Iterator[WindowStore]]
    """The features of all training pictures, in an epoch's order."""
    maps: int
    """Maps an epoch draws windows from."""
    validation: WindowStore

    def steps(self) -> int:
        """Return the minibatches of an epoch, if every map has windows that teach."""
        return max(1, self.maps * self.recipe.windows // self.recipe.batch_size)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield features, edges and classes of windows drawn for this epoch."""
        random = np.random.default_rng([self.seed, epoch])
        seen = 0
        for store in self.stores(epoch):
            drawn = store.draw(random, self.recipe.windows, self.recipe.flips == "random")
            seen += len(drawn)
            yield from _minibatches(store, drawn, self.recipe.batch_size)
        if not seen:
            raise DatasetError(_NOTHING_SEEN)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean squared difference of the edges, in window sides."""
        columns, edges, classes = batch
        return F.mse_loss(self._edges(columns, classes).float(), edges)

    def _edges(self, columns: Tensor, classes: Tensor) -> Tensor:
        """Return the regressed edges ``(M, 4)``, those of its class for every window."""
        said = run_head(self.net.head, columns).transpose(0, 1)
        if not self.net.per_class:
            return said
        return said.reshape(len(said), -1, 4)[torch.arange(len(said), device=said.device), classes]

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Return the loss, and the percentage of windows whose box has IoU under 0.5 with their object."""
        drawn = self.validation.draw(np.random.default_rng(0), self.recipe.windows, one_flip=False)
        if not len(drawn):  # no validation picture has a box
            return {}
        loss, wrong = 0.0, 0
        for columns, edges, classes in _minibatches(self.validation, drawn, _VALIDATION_BATCH):
            said = self._edges(columns, classes.to(columns.device)).float().cpu()
            loss += float(F.mse_loss(said, edges, reduction="sum")) / 4
            wrong += int((geometry.iou(said.numpy(), edges.numpy()) < _IOU).sum())
        return {"validation_loss": loss / len(drawn), "validation_error": 100 * wrong / len(drawn)}

    def save(self, path: Path, history: dict[str, Any]) -> None:
        """Write the regressor."""
        save_regressor(path, self.net, history)


def _minibatches(store: WindowStore, windows: Any, size: int) -> Iterator[Batch]:
    for start in range(0, len(windows), size):
        chosen = windows[start : start + size]
        edges, classes = torch.from_numpy(store.edges[chosen]), torch.from_numpy(store.classes[chosen])
        yield store.columns(chosen), edges, classes


def _with_objects(shards: Sequence[Path]) -> pa.Table:
    """Return the pictures of the shards that have objects."""
    rows = read_columns(shards, COLUMNS)
    return rows.filter(pc.greater(pc.list_value_length(rows["object_labels"]), 0))


def _every(rows: pa.Table, cells: int, budget: int) -> pa.Table:
    """Return every n-th picture, so that their ``cells`` do not exceed the budget by much."""
    step = max(1, -(-cells // max(1, budget)))
    return rows.filter(pa.array(np.arange(rows.num_rows) % step == 0))  # take would join chunks: 2 GiB at most


def train_localizer(
    images: Path,
    net: OverFeat,
    recipe: TrainLocalizerSettings,
    member: int,
    folder: Path,
    report: Callable[[str], None],
) -> None:
    """Train the regressor of one member of the ensemble.

    Args:
        images: folder of shards with splits "train" and "val".
        net: the classifier whose features it looks at; they stay as they are.
        recipe: settings; member ``m`` uses seed ``recipe.seed + m``.
        member: number of the net, from 0.
        folder: gets ``last.pt``, ``best.pt`` and ``curves.csv``; a killed training goes on from what it finds here.
        report: takes one line an epoch.

    Raises:
        DatasetError: if the shards are missing or no window sees enough of an object.
        TrainingError: if the loss is not finite.
    """
    if has_ended(folder):
        return  # before the features are computed
    class_names = net.class_names
    assert class_names is not None
    device = choose_device(recipe.device)
    net = net.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)
    seed, threads = recipe.seed + member, recipe.loader_threads or spare_threads()
    regressor = Regressor(net.table, class_names, recipe.per_class, recipe.dropout)
    regressor.trained_on = weights_hash(net)
    initialize(regressor, recipe.init, seed)
    views = Views(recipe.scales, recipe.flips != "none", recipe.min_overlap)

    budget = int(recipe.cache_gib * 2**30 / (4 * net.table.features[-1].channels))  # cells, of float32

    def store(rows: pa.Table, views: Views) -> WindowStore:
        return make_store(rows, net, views, class_names, threads, device)

    shards = shard_paths(images, "train")
    val = _with_objects(shard_paths(images, "val"))
    unmirrored = replace(views, mirrored=False)
    validation = store(_every(val, store_cells(val, net, unmirrored), budget // 4), unmirrored)
    sizes = read_columns(shards, SIZES)
    whole = store(_with_objects(shards), views) if store_cells(sizes, net, views) <= budget else None

    def stores(epoch: int) -> Iterator[WindowStore]:
        if whole is not None:
            yield whole
            return
        for shard in np.random.default_rng([seed, epoch, 1]).permutation(len(shards)):
            rows = _with_objects([shards[shard]])
            step = max(1, rows.num_rows * budget // max(1, store_cells(rows, net, views)))
            for start in range(0, rows.num_rows, step):
                yield store(rows.slice(start, step), views)

    maps = sizes.num_rows * len(recipe.scales) * (2 if recipe.flips == "both" else 1)
    task = LocalizerTask(regressor, seed, recipe, stores, maps, validation)
    history = {"model": net.table.name, "member": member, "recipe": asdict(recipe)}
    fit(task, folder, device, report, history)
