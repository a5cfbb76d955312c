"""Stage ``train_classifier``: the classification net, or the members of an ensemble."""

from dataclasses import dataclass
from pathlib import Path

from overfeat.config import TrainClassifierSettings
from overfeat.images.shards import shard_paths
from overfeat.results.store import read_footer
from overfeat.training.classifier import train_classifier
from pipelines import paths
from pipelines.engine.console import say
from pipelines.engine.stage import Training, Unit, gather


@dataclass(frozen=True)
class TrainClassifier(Training):
    """A unit is a member of the ensemble; a killed training goes on from its last whole epoch."""

    model: str
    train_classifier: TrainClassifierSettings

    def plan(self) -> list[Unit]:
        """Return the members."""
        return [Unit(f"member-{number}", {"member": number}) for number in range(self.train_classifier.members)]

    def work(self, unit: Unit, folder: Path) -> None:
        """Train one member."""
        class_names = read_footer(shard_paths(paths.IMAGES, "train")[0])["class_names"]
        train_classifier(
            images=paths.IMAGES,
            class_names=class_names,
            model=self.model,
            recipe=self.train_classifier,
            member=int(unit.payload["member"]),
            folder=folder / unit.name,
            report=lambda line: say(f"{unit.name}: {line}"),
        )

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the members in their place."""
        gather(parts, out / paths.CLASSIFIER)


STAGE = TrainClassifier
