"""Localization tried with other settings of ``merge`` on the same evidence; nothing is recorded."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from numpy.typing import NDArray

from overfeat.config import InferSettings, MergeSettings
from overfeat.errors import ResultsError
from overfeat.evaluation.intervals import error_percent
from overfeat.evaluation.localization import error_metrics, hits
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.localization import localizations, localize
from overfeat.inference.votes import read_votes
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor
from overfeat.results.schemas import WINDOWS
from overfeat.results.store import read_footer, read_table
from pipelines import dense_pass, dense_stage, pictures

THRESHOLDS = {
    "normalized": (0.2, 0.3, 0.4, 0.5, 0.6),
    "literal": (1.0, 30.0, 100.0),
}
"""Worth trying, by match_score: shares of a box's size, and pixels."""


class Trials:
    """Evidence with boxes, and the truth about its pictures.

    Args:
        tables: of ``WINDOWS``, each with all the windows of its pictures.
        class_names: labels by class index.
    """

    def __init__(self, tables: Sequence[pa.Table], class_names: list[str]) -> None:
        self.class_names = class_names
        self.tables = list(tables)
        self.objects = pictures.recognition_objects()
        images = pictures.recognition_pictures()
        seen = {image_id for table in self.tables for image_id in table["image_id"].unique().to_pylist()}
        self.images = images[images["image_id"].isin(seen) & images["label"].notna()]
        self.truth = dict(zip(self.images["image_id"], self.images["label"], strict=True))

    @classmethod
    def of_files(cls, files: Sequence[Path]) -> "Trials":
        """Return the trials of files of evidence. Raises ResultsError where there are none, or they have no boxes."""
        if not files or not read_footer(files[0])["boxes"]:
            raise ResultsError("there is no evidence with boxes here: run `dvc repro infer` on data with boxes first")
        return cls([read_table(file, WINDOWS) for file in files], read_footer(files[0])["class_names"])

    def found(self, settings: MergeSettings) -> pd.DataFrame:
        """Return which pictures' objects are found: see :func:`overfeat.evaluation.localization.hits`."""
        return hits(self._guesses(settings), self.objects, self.truth)

    def given_wrong(self, settings: MergeSettings) -> NDArray[np.bool_]:
        """Return which pictures' boxes are wrong when the class is given."""
        return ~self._given(settings)["right"].to_numpy(bool)

    def given_iou(self, settings: MergeSettings) -> float:
        """Return the mean IoU of the boxes when the class is given, 0 to 1."""
        return float(self._given(settings)["iou"].mean())

    def _given(self, settings: MergeSettings) -> pd.DataFrame:
        classes = {image_id: self.class_names.index(label) for image_id, label in self.truth.items()}
        return hits(self._guesses(settings, classes), self.objects, self.truth)

    def errors(self, settings: MergeSettings) -> dict[str, float]:
        """Return the localization errors in percent, and the one with the class given."""
        given = error_percent("given_class_error", self.given_wrong(settings), 0, 0)
        return error_metrics(self.found(settings), 0, 0) | given

    def _guesses(self, settings: MergeSettings, given: Mapping[str, int] | None = None) -> pd.DataFrame:
        frames: list[pd.DataFrame] = []
        for table in self.tables:
            votes = read_votes(table, len(self.class_names), settings)
            guesses = localize(votes, settings, given)
            frames.append(localizations(votes, guesses, self.class_names, None, "", "").to_pandas())
        return pd.concat(frames)


def evidence(
    role: str,
    split: str,
    net: OverFeat,
    regressor: Regressor | None,
    infer: InferSettings,
    device: torch.device,
    margin: int = 0,
) -> Iterator[pa.Table]:
    """Yield what one net sees in a split, a range of pictures at a time."""
    placed = net.to(device).to(memory_format=torch.channels_last)
    regressors = [regressor.to(device)] if regressor is not None else []
    for unit in dense_stage.ranges(role, split, infer.unit_images):
        seen = dense_pass.read_pictures(unit)
        yield gather_evidence([placed], regressors, seen, infer, "trial", device, margin)
