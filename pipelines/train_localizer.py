"""Stage ``train_localizer``: the box regressor of every member, on the features of the trained classifier."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from overfeat.atomic import write_text
from overfeat.config import TrainLocalizerSettings
from overfeat.devices import wants_gpu
from overfeat.images.shards import read_columns, shard_paths
from overfeat.models.checkpoint_folder import member_number, members
from pipelines import paths
from pipelines.engine.console import say
from pipelines.engine.shares import epoch_reporter
from pipelines.engine.stage import Training, Unit, gather

_NO_BOXES = (
    "no training picture has a box, so there is nothing to train a localizer on; boxes are left out of the results"
)


@dataclass(frozen=True)
class TrainLocalizer(Training):
    """A unit is a member of the ensemble; a killed training goes on from its last whole epoch."""

    train_localizer: TrainLocalizerSettings

    @property
    def gpu(self) -> bool:
        """As the setting of its device says."""
        return wants_gpu(self.train_localizer.device)

    def plan(self) -> list[Unit]:
        """Return the members of the classifier; none where no training picture has a box."""
        objects = read_columns(shard_paths(paths.IMAGES, "train"), ["object_labels"])["object_labels"]
        if not pc.sum(pc.list_value_length(objects)).as_py():
            return []
        numbers = map(member_number, members(paths.CLASSIFIER))
        return [Unit(f"member-{number}", {"member": number}) for number in numbers]

    def work(self, unit: Unit, folder: Path) -> None:
        """Train the regressor of one member."""
        from overfeat.models.checkpoints import load_network
        from overfeat.training.localizer import train_localizer

        net = load_network(paths.CLASSIFIER / unit.name / f"{self.train_localizer.classifier}.pt")
        train_localizer(
            images=paths.IMAGES,
            net=net,
            recipe=self.train_localizer,
            member=int(unit.payload["member"]),
            folder=folder / unit.name,
            report=epoch_reporter(unit.name),
        )

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the members in their place, or say why there are none."""
        gather(parts, out / paths.LOCALIZER)
        if not parts:
            say(_NO_BOXES)
            write_text(out / paths.LOCALIZER / "absent.txt", _NO_BOXES + "\n")


STAGE = TrainLocalizer
