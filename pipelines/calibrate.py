"""Stage ``calibrate``: the confidence of results, fitted on training pictures that no training saw."""

import json
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.atomic import write_text
from overfeat.config import CalibrateSettings, InferSettings, MergeSettings
from overfeat.evaluation.detection import match
from overfeat.evaluation.localization import IOU, guess_ious
from overfeat.inference.calibration import FEATURES, fit
from overfeat.inference.detection import Found, detect, detections, for_detection
from overfeat.inference.localization import localizations, localize
from overfeat.inference.votes import Votes, read_votes
from overfeat.results.schemas import CALIBRATION
from overfeat.results.store import as_table, concatenate, write_table
from pipelines import dense_pass, paths, pictures
from pipelines.engine.console import say
from pipelines.engine.provenance import run_name, settings_footer
from pipelines.engine.stage import Stage, Unit
from pipelines.roles import DETECTION, RECOGNITION


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
        """Return the ranges of each task; none where there is no network for its boxes or nothing was held out."""
        there = {RECOGNITION: dense_pass.has_localizer(), DETECTION: dense_pass.has_detector()}
        step, most = self.infer.unit_images, self.calibrate.pictures
        return [unit for role in there if there[role] for unit in dense_pass.ranges(role, "calibration", step, most)]

    def work(self, unit: Unit, folder: Path) -> None:
        """Decide, and say which decisions are right."""
        table, facts = dense_pass.evidence(unit, replace(self.infer, ten_view_side=None), run_name(self))
        settings, names = MergeSettings(), facts["class_names"]
        if facts["task"] == DETECTION:
            votes = read_votes(table, len(names), for_detection(settings))
            frame, features, right = _detections(votes, detect(votes, settings), names)
        else:
            votes = read_votes(table, len(names), settings)
            guesses = localize(votes, settings)
            frame, features = localizations(votes, guesses, names, None, "", "").to_pandas(), guesses.features
            right = guess_ious(frame, _objects()) >= IOU
        rows = {name: frame[name].astype(str).to_numpy(object) for name in ("image_id", "label")}
        rows |= {name: features[:, number] for number, name in enumerate(FEATURES)}
        rows |= {"task": np.full(len(frame), facts["task"], object), "right": right}
        write_table(folder / "guesses.parquet", as_table(rows, CALIBRATION), CALIBRATION)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Fit the confidences, and keep what they were fitted on."""
        table = concatenate([part / "guesses.parquet" for part in parts], CALIBRATION)
        write_table(out / paths.CALIBRATION / "guesses.parquet", table, CALIBRATION, settings_footer(self))
        frame = table.to_pandas()
        values = {}
        for task, what in ((RECOGNITION, "localization"), (DETECTION, "detection")):
            of_task = frame[frame["task"] == task]
            features = of_task[list(FEATURES)].to_numpy(np.float64)
            fitted = fit(features, of_task["label"].astype(str).tolist(), of_task["right"].to_numpy(bool))
            values[what] = asdict(fitted) if fitted else None
            if fitted:
                share = 100 * of_task["right"].mean()
                say(f"{what}: confidence fitted on {fitted.decisions:,} decisions, {share:.1f} % of them right")
            else:
                say(f"{what}: there is nothing to fit a confidence on; results have none")
        write_text(out / paths.CALIBRATION / "calibration.json", json.dumps(values, indent=2) + "\n")


@lru_cache(maxsize=1)
def _objects() -> pd.DataFrame:
    """Read once a process: ImageNet has half a million."""
    return pictures.recognition_objects()


def _detections(
    votes: Votes, found: Found, names: list[str]
) -> tuple[pd.DataFrame, NDArray[np.float64], NDArray[np.bool_]]:
    """Return the detections that are right or wrong, with their features; difficult objects and crowds are neither."""
    frame = detections(votes, found, names, None, "", "").to_pandas()
    frame[list(FEATURES)] = found.features
    matched = match(frame, pictures.detection_objects(), votes.image_ids, "voc")
    matched = matched[~matched["ignored"]]
    return matched, matched[list(FEATURES)].to_numpy(np.float64), matched["hit"].to_numpy(bool)


STAGE = Calibrate
