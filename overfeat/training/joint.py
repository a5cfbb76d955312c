"""Tasks trained together: the losses of those that are there, added up, on one set of features (paper, abstract).

A step takes a minibatch of each task: scenes of the detection set, crops of the recognition set with their classes, and
whole pictures of that set with their boxes. With one part alone it trains that part on features of its own, which
is what training together is measured beside.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from overfeat.config import TrainDetectorSettings
from overfeat.devices import choose_device, spare_threads
from overfeat.images.loader import TrainingViews
from overfeat.images.shards import shard_paths
from overfeat.inference.dense import run_head
from overfeat.models.checkpoints import save_network, save_regressor, weights_hash
from overfeat.models.detector import start_detector
from overfeat.models.joint import JointNet
from overfeat.models.network import OverFeat, normalize
from overfeat.models.regressor import Regressor
from overfeat.training.detector import DetectorTask, detector_task
from overfeat.training.loop import Batch, fit, has_ended
from overfeat.training.scenes import Scenes, as_tensors
from overfeat.training.schedule import ByRecipe
from overfeat.training.spatial import choose_windows, draw_generator, features_of, nothing_taught, window_columns

Parts = tuple[Tensor, ...]
TaskName = Literal["classification", "localization", "detection"]
JOINT_TASKS: frozenset[TaskName] = frozenset(get_args(TaskName))

_NO_SCENES: Parts = (torch.empty(0), torch.empty(0), torch.empty(0))
_NO_CROPS: Parts = (torch.empty(0), torch.empty(0))


@dataclass
class JointTask(ByRecipe):
    """Several tasks as one thing to train; see :class:`overfeat.training.loop.Task`.

    Attributes:
        net: with the parts that are trained.
        detection: the detector's part, if it is trained.
        views: crops for the classifier, if it is trained.
        pictures: scenes of the recognition set for the localizer, if it is trained. Without detection they are what
            an epoch goes through.
    """

    net: JointNet
    seed: int
    recipe: TrainDetectorSettings
    detection: DetectorTask | None
    views: TrainingViews | None
    pictures: Scenes | None

    @property
    def clip_norm(self) -> float | None:
        """Length to which longer gradients are cut."""
        return self.recipe.clip_norm

    def steps(self) -> int:
        """Return about how many minibatches an epoch has."""
        if self.detection is not None:
            return self.detection.steps()
        pictures = self.pictures.pictures() if self.pictures is not None else 0
        return max(1, pictures * self.recipe.views // self.recipe.batch_size)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield scenes of detection, crops, and scenes of recognition; a part that is not trained is empty."""
        crops = _endless(self._crops, epoch)
        if self.detection is None:
            for scenes in self._scenes(epoch):
                yield *_NO_SCENES, *next(crops), *scenes
            return
        scenes_of_recognition = _endless(self._scenes, epoch)
        for batch in self.detection.batches(epoch):
            yield *batch, *next(crops), *next(scenes_of_recognition)

    def _crops(self, epoch: int) -> Iterator[Parts]:
        if self.views is None:
            yield _NO_CROPS
            return
        for batch in self.views.batches(epoch):
            yield batch.images, batch.labels

    def _scenes(self, epoch: int) -> Iterator[Parts]:
        if self.pictures is None:
            yield _NO_SCENES
            return
        for scenes in self.pictures.epoch(epoch):
            yield as_tensors(scenes)

    def loss(self, batch: Batch) -> Tensor:
        """Return the sum of the losses of the parts that are trained."""
        losses = []
        if self.detection is not None:
            losses.append(self.detection.loss(batch[:3]))
        if self.views is not None:
            losses.append(self._classification(*batch[3:5]))
        if self.pictures is not None:
            losses.append(self._localization(*batch[5:]))
        return torch.stack(losses).sum()

    def _classification(self, crops: Tensor, labels: Tensor) -> Tensor:
        logits = self.net.classifier(normalize(crops).contiguous(memory_format=torch.channels_last))
        return F.cross_entropy(logits.flatten(1).float(), labels)

    def _localization(self, pixels: Tensor, classes: Tensor, edges: Tensor) -> Tensor:
        """Return the weighted L2 loss of the boxes of windows that see the picture's object."""
        localizer = self.net.localizer
        assert localizer is not None
        features = features_of(self.net.classifier, pixels)
        places = choose_windows(classes >= 0, self.recipe.positives, draw_generator())
        if not len(places[0]):
            return nothing_taught(localizer)
        said = run_head(localizer.head, window_columns(self.net.classifier, features, places)).transpose(0, 1)
        said = said.reshape(len(said), -1, 4)
        of_class = classes[places] if localizer.per_class else torch.zeros_like(places[0])
        said = said[torch.arange(len(said), device=said.device), of_class]
        return self.recipe.box_weight * F.mse_loss(said.float(), edges[places])

    def validate(self) -> dict[str, float]:
        """Return what the detector measures, if it is trained: it decides which epoch is best."""
        return {} if self.detection is None else self.detection.validate()

    def save(self, path: Path, history: dict[str, Any]) -> None:
        """Write classifier and localizer in folders beside ``path``, by the same name, and then the detector."""
        save_network(path.parent / "classifier" / path.name, self.net.classifier, history)
        if self.net.localizer is not None:
            self.net.localizer.trained_on = weights_hash(self.net.classifier)
            save_regressor(path.parent / "localizer" / path.name, self.net.localizer, history)
        if self.detection is not None:
            self.detection.save(path, history)
        else:
            save_network(path, self.net.classifier, history)


def start_joint(
    classifier: OverFeat,
    localizer: Regressor | None,
    labels: Sequence[str],
    recipe: TrainDetectorSettings,
    member: int,
) -> JointNet:
    """Return the three tasks on the classifier's features, the detector begun from classifier and localizer."""
    seed = recipe.seed + member
    detector = start_detector(classifier, localizer, labels, recipe.margin, recipe.dropout, recipe.init, seed)
    for layer in classifier.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = recipe.dropout  # a loaded net knows nothing of the one it was trained with
    return JointNet(classifier, localizer, detector).requires_grad_(True)


def _endless(once: Any, epoch: int) -> Iterator[Parts]:
    """Yield from ``once`` for one number after the other, beginning where no other epoch does."""
    for number in count():
        yield from once(epoch + (number << 20))


def train_joint(
    images: Path,
    detection_images: Path | None,
    net: JointNet,
    tasks: Collection[TaskName],
    recipe: TrainDetectorSettings,
    member: int,
    folder: Path,
    report: Callable[[str], None],
) -> None:
    """Train the features together with the heads of some tasks.

    Args:
        images: folder of recognition's shards.
        detection_images: folder of detection's shards; not needed where detection is not trained.
        net: with the parts that are asked for.
        tasks: which.
        recipe: settings; member ``m`` uses seed ``recipe.seed + m``.
        member: number of the net, from 0.
        folder: gets ``last.pt`` and ``best.pt`` (the detector; the classifier where there is none), folders
            ``classifier/`` and ``localizer/`` with files of the same names, ``curves.csv`` and ``negatives/``; a
            killed training goes on from what it finds here.
        report: takes one line an epoch.

    Raises:
        DatasetError: if the shards are missing.
        TrainingError: if the loss is not finite.
    """
    if has_ended(folder):
        return
    seed, classifier, detector = recipe.seed + member, net.classifier, net.detector
    assert classifier.class_names is not None
    shards, mirrored = shard_paths(images, "train"), recipe.flips == "random"
    detection = views = pictures = None
    if "detection" in tasks:
        assert detector is not None and detection_images is not None  # noqa: PT018
        labels = (detector.net.class_names or [])[:-1]
        detection = detector_task(detection_images, detector, labels, recipe, seed, folder / "negatives")
    if "classification" in tasks:
        threads = recipe.loader_threads or spare_threads()
        views = TrainingViews(shards, classifier.window, 1, recipe.flips, recipe.joint_crops, seed, threads)
    if "localization" in tasks:
        of_localizer = replace(recipe, scales=recipe.joint_scales, max_offset=0.5, smallest=0.0, largest=2.0)
        names = classifier.class_names
        pictures = Scenes.of_recipe(shards, classifier.geometry, names, of_localizer, 0, mirrored, seed)
    task = JointTask(net, seed, recipe, detection, views, pictures)
    history = {"model": classifier.table.name, "member": member, "recipe": asdict(recipe), "tasks": sorted(tasks)}
    fit(task, folder, choose_device(recipe.device), report, history)
