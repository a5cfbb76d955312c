"""Stage ``calibrate``: the confidence of results, fitted on training pictures that no training saw."""

import json
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.atomic import write_text
from overfeat.config import CalibrateSettings, MergeSettings
from overfeat.evaluation.detection import match
from overfeat.evaluation.localization import IOU, guess_ious
from overfeat.inference.calibration import FEATURES, fit
from overfeat.inference.detection import Found, detect, detections, for_detection
from overfeat.inference.localization import localizations, localize
from overfeat.inference.looking import Looking
from overfeat.inference.votes import Votes, read_votes
from overfeat.models.checkpoint_folder import CALIBRATION_FILE, LOOKING_FILE, has_detector, has_localizer
from overfeat.results.schemas import CALIBRATION
from overfeat.results.store import as_table, concatenate, read_footer, write_table
from pipelines import dense_stage, paths, pictures
from pipelines.engine.console import say
from pipelines.engine.provenance import run_name, settings_footer
from pipelines.engine.stage import Unit
from pipelines.roles import DETECTION, RECOGNITION


@dataclass(frozen=True)
class Calibrate(dense_stage.DenseStage):
    """A unit is a range of the pictures that were held out; they are decided with the default settings of ``merge``."""

    calibrate: CalibrateSettings

    def plan(self) -> list[Unit]:
        """Return the ranges of each task; none where there is no network for its boxes or nothing was held out."""
        there = {RECOGNITION: has_localizer(paths.CHECKPOINTS), DETECTION: has_detector(paths.CHECKPOINTS)}
        step, most = self.infer.unit_images, self.calibrate.pictures
        return [unit for role in there if there[role] for unit in dense_stage.ranges(role, "calibration", step, most)]

    def work(self, unit: Unit, folder: Path) -> None:
        """Decide, and say which decisions are right."""
        from pipelines import dense_pass

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
        write_text(out / paths.CHECKPOINTS / CALIBRATION_FILE, json.dumps(values, indent=2) + "\n")
        write_text(out / paths.CHECKPOINTS / LOOKING_FILE, self._looking().dumps())

    def _looking(self) -> Looking:
        """Return how pictures are looked at: as those of the pipeline are."""
        stored = read_footer(next(iter(sorted(paths.IMAGES.glob("*.parquet")))))["settings"]["preprocess"]
        sides = {RECOGNITION: stored["evaluation_side"], DETECTION: stored["detection_side"]}
        names = {
            label: words
            for role in (RECOGNITION, DETECTION)
            for label, words in zip(pictures.class_names(role), pictures.class_words(role), strict=True)
        }
        return Looking(self.infer, sides, names)


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
