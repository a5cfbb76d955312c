"""Stage ``train_classifier``: the classification net, or the members of an ensemble; or a finished net is taken."""

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from overfeat.atomic import write_text
from overfeat.config import TrainClassifierSettings
from overfeat.devices import choose_device
from overfeat.errors import CheckpointError, SettingsError
from overfeat.images.shards import shard_paths
from overfeat.models.checkpoints import load_network, save_network
from overfeat.models.network import OverFeat
from overfeat.models.outputs import choose_outputs
from overfeat.models.tables import model_table
from overfeat.results.store import read_footer
from overfeat.training.classifier import classifier_task, train_classifier
from pipelines import paths
from pipelines.engine.console import say
from pipelines.engine.stage import Training, Unit, gather


@dataclass(frozen=True)
class TrainClassifier(Training):
    """A unit is a member of the ensemble; a killed training goes on from its last whole epoch."""

    model: str
    train_classifier: TrainClassifierSettings

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
        if self.train_classifier.weights is not None:
            self._take(Path(self.train_classifier.weights), folder / unit.name)
            return
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

    def _take(self, checkpoint: Path, member: Path) -> None:
        """Write the files that training would have, with one point of the curves, at epoch 0.

        Raises:
            CheckpointError: if the checkpoint is of another model, lacks a class, or gives what is not finite.
        """
        whole = self._load(checkpoint)
        facts = read_footer(shard_paths(paths.IMAGES, "train")[0])
        try:
            net = choose_outputs(whole, facts["class_names"], facts["class_words"])
        except CheckpointError as error:
            raise CheckpointError(f"{checkpoint} (train_classifier.weights) cannot be taken: {error}") from error
        for name in ("last.pt", "best.pt"):
            save_network(member / name, net, {"model": self.model, "taken_from": checkpoint.name, "epoch": 0})
        placed = net.to(choose_device(self.train_classifier.device)).to(memory_format=torch.channels_last)
        measures = classifier_task(paths.IMAGES, placed, self.train_classifier, seed=0).validate()
        if not all(map(math.isfinite, measures.values())):
            raise CheckpointError(f"{checkpoint} (train_classifier.weights) gives outputs that are not finite")
        curves = pd.DataFrame([{"epoch": 0, "learning_rate": None, "train_loss": None, **measures}])
        write_text(member / "curves.csv", curves.to_csv(index=False, na_rep="nan"))  # an empty one is plotted as 0
        shown = "  ".join(f"{name} {value:.4g}" for name, value in measures.items())
        classes = f"{net.num_classes:,} of its {whole.num_classes:,} classes"
        say(f"{member.name}: {checkpoint} is taken, {classes}; nothing is trained  {shown}")

    def _load(self, checkpoint: Path) -> OverFeat:
        net, wanted = load_network(checkpoint), model_table(self.model)
        if net.table != wanted:
            other = "another version of it" if net.table.name == wanted.name else f"the model {net.table.name!r}"
            raise CheckpointError(
                f"the setting model is {self.model!r}, and {checkpoint} (train_classifier.weights) is {other}: "
                "choose the profile of that model, or another checkpoint"
            )
        return net

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the members in their place."""
        gather(parts, out / paths.CLASSIFIER)


STAGE = TrainClassifier
