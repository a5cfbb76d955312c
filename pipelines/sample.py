"""Stage ``sample``: the embedded data sets, written in the layouts of ILSVRC2012 and of ILSVRC DET."""

from dataclasses import dataclass
from pathlib import Path

from overfeat.config import SampleSettings
from overfeat.sample import write_detection_sample, write_sample
from pipelines import paths
from pipelines.engine.stage import Stage, Unit, gather


@dataclass(frozen=True)
class Sample(Stage):
    """Two units: each half is made in seconds."""

    sample: SampleSettings

    def plan(self) -> list[Unit]:
        """Return the two halves."""
        return [Unit("recognition", {}), Unit("detection", {})]

    def work(self, unit: Unit, folder: Path) -> None:
        """Write the five archives, or the tree."""
        of = self.sample
        if unit.name == "recognition":
            write_sample(folder, of.seed, of.train_images, of.val_images)
        else:
            write_detection_sample(folder, of.seed, of.detection_train_images, of.detection_val_images)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the halves in their places."""
        for part, target in zip(parts, (paths.SAMPLE, paths.SAMPLE_DETECTION), strict=True):
            gather([part], out / target)


STAGE = Sample
