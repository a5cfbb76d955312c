"""Stage ``calibrate``: the confidence of results, fitted on training pictures that no training saw."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from overfeat.atomic import write_text
from overfeat.config import CalibrateSettings, InferSettings, MergeSettings
from overfeat.errors import DatasetError
from overfeat.evaluation.localization import IOU, guess_ious
from overfeat.inference.calibration import fit
from overfeat.inference.localization import localizations, localize
from overfeat.inference.votes import read_votes
from overfeat.results.schemas import CALIBRATION
from overfeat.results.store import concatenate, write_table
from pipelines import dense_pass, paths
from pipelines.engine.console import say
from pipelines.engine.provenance import run_name, settings_footer
from pipelines.engine.stage import Stage, Unit


@dataclass(frozen=True)
class Calibrate(Stage):
    """A unit is a range of the pictures that were held out; they are decided with the default settings of ``merge``."""

    infer: InferSettings
    calibrate: CalibrateSettings

    @property
    def workers(self) -> int:
        """As the network and the device want it."""
        return dense_pass.workers(self.infer)

    @property
    def threads(self) -> int:
        """The processors divided among the workers."""
        return dense_pass.threads(self.infer)

    def plan(self) -> list[Unit]:
        """Return the ranges; none where there is no localizer or nothing was held out."""
        try:
            ranges = dense_pass.ranges("calibration", self.infer.unit_images, self.calibrate.pictures)
        except DatasetError:
            return []
        return ranges if dense_pass.has_localizer() else []

    def work(self, unit: Unit, folder: Path) -> None:
        """Guess, and say which guesses are right."""
        table, facts = dense_pass.evidence(unit, self.infer, run_name(self))
        votes = read_votes(table, len(facts["class_names"]), MergeSettings())
        guesses = localize(votes, MergeSettings())
        frame = localizations(votes, guesses, facts["class_names"], None, "", "").to_pandas()
        objects = pq.read_table(
            paths.MANIFEST / "objects.parquet", filters=[("image_id", "in", votes.image_ids)]
        ).to_pandas()
        right = guess_ious(frame, objects) >= IOU
        rows = {"image_id": frame["image_id"].astype(str), "label": frame["label"].astype(str), "share": guesses.shares}
        table = pa.table({**rows, "right": right})
        write_table(folder / "guesses.parquet", table, CALIBRATION)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Fit the confidence, and keep what it was fitted on."""
        table = concatenate([part / "guesses.parquet" for part in parts], CALIBRATION)
        fitted = fit(table["share"].to_numpy(), table["right"].to_numpy())
        write_table(out / paths.CALIBRATION / "guesses.parquet", table, CALIBRATION, settings_footer(self))
        values = {"localization": asdict(fitted) if fitted else None}
        write_text(out / paths.CALIBRATION / "calibration.json", json.dumps(values, indent=2) + "\n")
        if fitted:
            say(
                f"confidence fitted on {fitted.guesses:,} guesses, {100 * table['right'].to_numpy().mean():.1f} % right"
            )
        else:
            say("there is nothing to fit a confidence on; results have none")


STAGE = Calibrate
