"""Stage ``train_classifier``: the classification net, or the members of an ensemble; or a finished net is taken."""

from dataclasses import dataclass
from pathlib import Path

from overfeat.config import TrainClassifierSettings
from overfeat.devices import processes_wanted, wants_gpu
from overfeat.errors import SettingsError
from overfeat.images.shards import shard_paths
from overfeat.results.store import read_footer
from pipelines import paths
from pipelines.engine.shares import epoch_reporter
from pipelines.engine.stage import Training, Unit, gather


@dataclass(frozen=True)
class TrainClassifier(Training):
    """A unit is a member of the ensemble, on one process or several; a killed training goes on from its last epoch."""

    model: str
    train_classifier: TrainClassifierSettings

    @property
    def gpu(self) -> bool:
        """As the setting of its device says."""
        return wants_gpu(self.train_classifier.device)

    def plan(self) -> list[Unit]:
        """Return the members: one where a finished checkpoint is taken.

        Raises:
            SettingsError: if there are to be several members of one checkpoint.
        """
        members = self.train_classifier.members
        if self.train_classifier.weights is not None and members > 1:
            raise SettingsError(
                f"train_classifier.weights is one checkpoint, of which {members} members would be {members} times the "
                "same net: set train_classifier.members to 1"
            )
        return [Unit(f"member-{number}", {"member": number}) for number in range(members)]

    def work(self, unit: Unit, folder: Path) -> None:
        """Train one member, or take it as it is."""
        from overfeat.training.classifier import train_classifier
        from pipelines import launch
        from pipelines.taken_net import take_net

        if self.train_classifier.weights is not None:
            take_net(Path(self.train_classifier.weights), self.model, self.train_classifier, folder / unit.name)
            return
        class_names = read_footer(shard_paths(paths.IMAGES, "train")[0])["class_names"]
        recipe = self.train_classifier
        arguments = {
            "images": paths.IMAGES,
            "class_names": class_names,
            "model": self.model,
            "recipe": recipe,
            "member": int(unit.payload["member"]),
            "folder": folder / unit.name,
        }
        processes = processes_wanted(recipe.processes, recipe.device, "train_classifier.processes")
        launch.run(processes, train_classifier, arguments, epoch_reporter(unit.name))

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the members in their place."""
        gather(parts, out / paths.CLASSIFIER)


STAGE = TrainClassifier
