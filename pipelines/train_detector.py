"""Stage ``train_detector``: the detector of every member, trained spatially from the classifier's weights."""

from dataclasses import dataclass
from pathlib import Path

from overfeat.atomic import write_text
from overfeat.config import TrainDetectorSettings
from overfeat.devices import wants_gpu
from overfeat.errors import DatasetError
from overfeat.images.shards import shard_paths
from overfeat.models.checkpoint_folder import member_number, members
from overfeat.results.store import read_footer
from pipelines import paths
from pipelines.engine.console import say
from pipelines.engine.shares import epoch_reporter
from pipelines.engine.stage import Training, Unit, gather

_NO_OBJECTS = (
    "no data set here annotates every object in its pictures, so there is nothing to train a detector on: "
    "detections are left out of the results"
)


@dataclass(frozen=True)
class TrainDetector(Training):
    """A unit is a member of the ensemble; a killed training goes on from its last whole epoch."""

    train_detector: TrainDetectorSettings

    @property
    def gpu(self) -> bool:
        """As the setting of its device says."""
        return wants_gpu(self.train_detector.device)

    def plan(self) -> list[Unit]:
        """Return the members of the classifier; none where there is no picture to train on."""
        if not list(paths.IMAGES_DETECTION.glob("train-*.parquet")):
            return []
        numbers = map(member_number, members(paths.CLASSIFIER))
        return [Unit(f"member-{number}", {"member": number}) for number in numbers]

    def work(self, unit: Unit, folder: Path) -> None:
        """Train the detector of one member.

        Raises:
            DatasetError: if a class has the name of the background.
        """
        from overfeat.models.detector import BACKGROUND
        from overfeat.training.detector import train_detector
        from overfeat.training.joint import JOINT_TASKS, start_joint, train_joint
        from pipelines.trained import classifier_and_localizer

        labels = read_footer(shard_paths(paths.IMAGES_DETECTION, "train")[0])["class_names"]
        if BACKGROUND in labels:
            raise DatasetError(f"a class of the detection set is named {BACKGROUND!r}, as what is no object: rename it")
        classifier, localizer = classifier_and_localizer(unit.name, self.train_detector.classifier)
        member, out = int(unit.payload["member"]), folder / unit.name
        recipe, report = self.train_detector, epoch_reporter(unit.name)
        if recipe.features == "joint":
            net = start_joint(classifier, localizer, labels, recipe, member)
            tasks = JOINT_TASKS if localizer else JOINT_TASKS - {"localization"}
            train_joint(paths.IMAGES, paths.IMAGES_DETECTION, net, tasks, recipe, member, out, report)
        else:
            train_detector(paths.IMAGES_DETECTION, classifier, localizer, labels, recipe, member, out, report)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the members in their place, or say why there are none."""
        gather(parts, out / paths.DETECTOR)
        if not parts:
            say(_NO_OBJECTS)
            write_text(out / paths.DETECTOR / "absent.txt", _NO_OBJECTS + "\n")


STAGE = TrainDetector
