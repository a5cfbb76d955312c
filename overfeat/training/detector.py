"""The detector, trained spatially from the classifier's weights (paper, section 5).

All windows of a picture share one pass over the features; of these windows those that see an object and a few of
background teach: the class of each, with background as a class of its own, and the box of those with an object.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from overfeat.config import TrainDetectorSettings
from overfeat.devices import choose_device
from overfeat.errors import DatasetError
from overfeat.images.shards import shard_paths
from overfeat.inference.dense import at_all_offsets, run_head
from overfeat.models.checkpoints import save_detector
from overfeat.models.detector import Detector, start_detector
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor
from overfeat.training.detection_targets import BACKGROUND
from overfeat.training.loop import Batch, fit, has_ended
from overfeat.training.negatives import Ledger, choose_negatives
from overfeat.training.scenes import Scene, Scenes, as_tensors
from overfeat.training.schedule import ByRecipe
from overfeat.training.spatial import choose_windows, draw_generator, features_of, nothing_taught, window_columns

_VALIDATION_BATCHES = 64


@dataclass
class DetectorTask(ByRecipe):
    """The detector as a thing to train; see :class:`overfeat.training.loop.Task`."""

    net: Detector
    seed: int
    recipe: TrainDetectorSettings
    scenes: Scenes
    images: int
    """Training pictures."""
    validation: Scenes | None
    ledger: Ledger
    _at: tuple[int, Sequence[Scene]] = field(default=(0, ()), init=False)

    @property
    def clip_norm(self) -> float | None:
        """Length to which longer gradients are cut."""
        return self.recipe.clip_norm

    def optimizer(self) -> torch.optim.Optimizer:
        """Return the recipe's optimiser over what is trained; shared features stay as they are."""
        self.net.net.features.requires_grad_(self.recipe.features != "shared")
        return super().optimizer()

    def steps(self) -> int:
        """Return about how many minibatches an epoch has."""
        return max(1, self.images * self.recipe.views // self.recipe.batch_size)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield pixels, classes and edges of an epoch's scenes; then write its ledger."""
        for scenes in self.scenes.epoch(epoch):
            self._at = epoch, scenes
            yield as_tensors(scenes)
        self.ledger.write(epoch)

    def loss(self, batch: Batch) -> Tensor:
        """Return cross-entropy of the chosen windows plus the weighted L2 loss of the boxes of those with an object."""
        pixels, classes, edges = batch
        with torch.set_grad_enabled(self.recipe.features != "shared"):
            features = features_of(self.net.net, pixels)
        generator = draw_generator()
        seen = choose_windows(classes >= 0, self.recipe.positives, generator)
        offence = None if self.recipe.choose == "random" else self._offence(features)
        pictures, windows, hardest = choose_negatives(
            classes == BACKGROUND, offence, self.recipe.negatives, self.recipe.choose, generator
        )
        objects = len(seen[0])
        if not objects + len(pictures):
            return nothing_taught(self.net)
        places = torch.cat([seen[0], pictures]), torch.cat([seen[1], windows])
        gathered = window_columns(self.net.net, features, places)
        self.ledger.add(*self._at, pictures, windows, self._scores(gathered[:, objects:]), hardest)
        logits, said = self._heads(gathered)
        targets = torch.cat([classes[seen], classes.new_full((len(pictures),), logits.shape[1] - 1)])
        loss = F.cross_entropy(logits, targets)
        if objects:
            loss = loss + self.recipe.box_weight * F.mse_loss(said[:objects], edges[seen])
        return loss

    @torch.no_grad()
    def _offence(self, features: Tensor) -> Tensor:
        """Return the probability that each window shows an object, ``(B, N)``, without dropout."""
        with _without_dropout(self.net.net.classifier) as head:
            logits = at_all_offsets([head], features, self.net.net.geometry.pool)[0]
        return 1 - logits.float().softmax(1)[:, -1].flatten(1)

    @torch.no_grad()
    def _scores(self, gathered: Tensor) -> Tensor:
        """Return the probabilities of all classes but background, ``(M, K)``, of windows, without dropout."""
        if not gathered.shape[1]:
            return gathered.new_empty((0, self.net.net.num_classes - 1))
        with _without_dropout(self.net.net.classifier) as head:
            return run_head(head, gathered).transpose(0, 1).float().softmax(1)[:, :-1]

    def _heads(self, gathered: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits ``(M, K + 1)`` and edges ``(M, 4)`` of windows that were gathered."""
        heads = (self.net.net.classifier, self.net.regressor.head)
        logits, edges = (run_head(head, gathered).transpose(0, 1).float() for head in heads)
        return logits, edges

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Return the loss of the classes and the share (percent) of windows with a wrong class.

        Windows with an object, and as many of background, of the same scenes each time: those of the first
        pictures of the validation split.
        """
        if self.validation is None:
            return {}
        loss, wrong, count = 0.0, 0, 0
        generator = torch.Generator().manual_seed(0)
        device = next(self.net.parameters()).device
        for scenes in islice(self.validation.epoch(0), _VALIDATION_BATCHES):
            pixels, classes, _ = (part.to(device) for part in as_tensors(scenes))
            seen = choose_windows(classes >= 0, self.recipe.positives, generator)
            background = choose_windows(classes == BACKGROUND, self.recipe.positives, generator)
            places = torch.cat([seen[0], background[0]]), torch.cat([seen[1], background[1]])
            if not len(places[0]):
                continue
            logits, _ = self._heads(window_columns(self.net.net, features_of(self.net.net, pixels), places))
            targets = classes[places]
            targets = torch.where(targets == BACKGROUND, logits.shape[1] - 1, targets)
            loss += float(F.cross_entropy(logits, targets, reduction="sum"))
            wrong += int((logits.argmax(1) != targets).sum())
            count += len(targets)
        return {"validation_loss": loss / max(1, count), "validation_error": 100 * wrong / max(1, count)}

    def save(self, path: Path, history: dict[str, Any]) -> None:
        """Write the detector."""
        save_detector(path, self.net, history)


@contextmanager
def _without_dropout(head: nn.Sequential) -> Iterator[nn.Sequential]:
    training = head.training
    yield head.eval()
    head.train(training)


def detector_task(
    images: Path, detector: Detector, labels: Sequence[str], recipe: TrainDetectorSettings, seed: int, ledger: Path
) -> DetectorTask:
    """Return the training of a detector on the shards of split "train", measured on those of "val" if there are any.

    Raises:
        DatasetError: if there are no pictures to train on.
    """

    def scenes(split: str, mirrored: bool) -> Scenes:
        shards = shard_paths(images, split)
        return Scenes.of_recipe(shards, detector.net.geometry, labels, recipe, detector.margin, mirrored, seed)

    training = scenes("train", recipe.flips == "random")
    try:
        validation = scenes("val", mirrored=False)
    except DatasetError:
        validation = None
    return DetectorTask(detector, seed, recipe, training, training.pictures(), validation, Ledger(ledger, labels))


def train_detector(
    images: Path,
    classifier: OverFeat,
    localizer: Regressor | None,
    labels: Sequence[str],
    recipe: TrainDetectorSettings,
    member: int,
    folder: Path,
    report: Callable[[str], None],
) -> None:
    """Train one detector of the ensemble.

    Args:
        images: folder of detection's shards, with splits "train" and, if there are any, "val".
        classifier: the net it starts from.
        localizer: whose boxes it starts from, if there is one.
        labels: of the objects, by class index.
        recipe: settings; member ``m`` uses seed ``recipe.seed + m``.
        member: number of the net, from 0.
        folder: gets ``last.pt``, ``best.pt``, ``curves.csv`` and ``negatives/``; a killed training goes on from what
            it finds here.
        report: takes one line an epoch.

    Raises:
        DatasetError: if the shards are missing.
        TrainingError: if the loss is not finite.
    """
    if has_ended(folder):
        return
    seed = recipe.seed + member
    detector = start_detector(classifier, localizer, labels, recipe.margin, recipe.dropout, recipe.init, seed)
    task = detector_task(images, detector, labels, recipe, seed, folder / "negatives")
    history = {"model": classifier.table.name, "member": member, "recipe": asdict(recipe)}
    fit(task, folder, choose_device(recipe.device), report, history)
