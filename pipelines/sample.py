"""Stage ``sample``: the embedded data set, written as the archives of the ILSVRC2012 release."""

from dataclasses import dataclass
from pathlib import Path

from overfeat.config import SampleSettings
from overfeat.sample import write_sample
from pipelines import paths
from pipelines.engine.stage import Stage, Unit, gather


@dataclass(frozen=True)
class Sample(Stage):
    """One unit: the archives are made in seconds."""

    sample: SampleSettings

    @property
    def workers(self) -> int:
        """One."""
        return 1

    def plan(self) -> list[Unit]:
        """Return the one unit."""
        return [Unit("archives", {})]

    def work(self, unit: Unit, folder: Path) -> None:
        """Write the five archives."""
        write_sample(folder, self.sample.seed, self.sample.train_images, self.sample.val_images)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the archives in their place."""
        gather(parts, out / paths.SAMPLE)


STAGE = Sample
