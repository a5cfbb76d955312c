"""Pictures are looked at, a range at a time, and every row decides on what was seen; only the decisions are kept."""

import os
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import torch
from tqdm import tqdm

from overfeat.config import InferSettings
from overfeat.devices import choose_device
from overfeat.errors import ResultsError
from overfeat.evaluation import classification, localization
from overfeat.inference.decisions import class_scores, classifications
from overfeat.inference.detection import detect, detections, for_detection
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.localization import localizations, localize
from overfeat.inference.votes import read_votes
from overfeat.models.checkpoints import load_detector, load_network, load_regressor
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor
from pipelines import dense_pass, dense_stage, pictures
from pipelines.engine.processes import WorkerContext, start_worker
from pipelines.engine.stage import Unit, processors
from pipelines.reproduce_tables.paper import Row
from pipelines.roles import DETECTION, images_of

Key = TypeVar("Key", bound=Hashable)
_RANGE = 50
"""Pictures that are looked at together, at most: few, so that processes share the work evenly."""


@dataclass(frozen=True)
class Eyes:
    """The networks that look, and how.

    Attributes:
        role: of the pictures: recognition or detection.
        nets: files of the members; of detection one detector.
        regressor: file of the box regressor of the first member; for recognition, if there is one.
        infer: scales, mirror images, ten views, memory.
    """

    role: str
    nets: tuple[Path, ...]
    regressor: Path | None
    infer: InferSettings


def decide(eyes: Eyes, split: str, rows: Mapping[Key, Row], given: bool = True) -> dict[Key, pd.DataFrame]:
    """Return what each row says of the pictures of a split, by the row's key.

    Of classification and localization these are image_id and, for each measure, whether the picture counts as an error;
    of detection the rows of ``DETECTIONS``.

    Args:
        eyes: the networks.
        split: of the pictures of their role.
        rows: how to decide, by any key.
        given: decide also where the class is given, in localization.

    Raises:
        ResultsError: if the split has no pictures.
    """
    units = dense_stage.ranges(eyes.role, split, min(eyes.infer.unit_images, _RANGE))
    if not units:
        raise ResultsError(
            f"{images_of(eyes.role)} has no pictures of split {split!r}, on which the tables are measured or (for "
            "'calibration', see preprocess.calibration_share) their thresholds chosen"
        )
    workers = dense_stage.workers(eyes.infer)
    description = f"{eyes.role}, {split}"
    seen: list[dict[Key, pd.DataFrame]] = []
    with tqdm(total=len(units), desc=description, unit="range", disable=None) as bar:
        if workers == 1:
            for unit in units:
                seen.append(decide_on(unit, eyes, rows, given))
                bar.update()
        else:
            context, arguments = WorkerContext(max(1, processors() // workers)), (Path.cwd(), os.getpid())
            with ProcessPoolExecutor(workers, context, start_worker, arguments) as pool:
                for frames in pool.map(partial(decide_on, eyes=eyes, rows=rows, given=given), units):
                    seen.append(frames)
                    bar.update()
    return {key: pd.concat([frames[key] for frames in seen], ignore_index=True) for key in rows}


def decide_on(unit: Unit, eyes: Eyes, rows: Mapping[Key, Row], given: bool) -> dict[Key, pd.DataFrame]:
    """Look at one range of pictures, and decide with every row."""
    nets, regressors, margin = _load(eyes)
    seen = dense_pass.read_pictures(unit)
    device = choose_device(eyes.infer.device)
    table = gather_evidence(nets, regressors, seen, eyes.infer, "", device, margin)
    names, ids = nets[0].class_names or [], {picture.image_id for picture in seen}
    decided: dict[str, Callable[..., pd.DataFrame]] = {
        "classification": _classified,
        "localization": partial(_localized, given=given),
        "detection": _detected,
    }
    return {key: decided[row.table](table, names, row, ids) for key, row in rows.items()}


def _classified(table: pa.Table, names: list[str], row: Row, ids: set[str]) -> pd.DataFrame:
    votes = read_votes(table, len(names), row.settings)
    guesses = classifications(votes, class_scores(votes), names, row.settings.top_k, "", "").to_pandas()
    hits = classification.hits(guesses, _labels(ids))
    return pd.DataFrame({"image_id": hits["image_id"], "top1_error": ~hits["top1"], "top5_error": ~hits["top5"]})


def _localized(table: pa.Table, names: list[str], row: Row, ids: set[str], given: bool) -> pd.DataFrame:
    labels, votes = _labels(ids), read_votes(table, len(names), row.settings)
    objects = _objects()[_objects()["image_id"].isin(ids)]

    def hits(classes: dict[str, int] | None) -> pd.DataFrame:
        guesses = localizations(votes, localize(votes, row.settings, classes), names, None, "", "").to_pandas()
        return localization.hits(guesses, objects, labels)

    found = hits(None)
    wrong = {"image_id": found["image_id"], "error": ~found["right"]}
    if given:
        wrong["given_class_error"] = ~hits({name: names.index(label) for name, label in labels.items()})["right"]
    return pd.DataFrame(wrong)


def _detected(table: pa.Table, names: list[str], row: Row, ids: set[str]) -> pd.DataFrame:
    votes = read_votes(table, len(names), for_detection(row.settings))
    found: pd.DataFrame = detections(votes, detect(votes, row.settings), names, None, "", "").to_pandas()
    return found


def _labels(ids: set[str]) -> dict[str, str]:
    """Return the labels of those of the pictures that have one."""
    return {image_id: label for image_id, label in _all_labels().items() if image_id in ids}


@lru_cache(maxsize=1)
def _all_labels() -> dict[str, str]:
    images = pictures.recognition_pictures()
    known = images[images["label"].notna()]
    return dict(zip(known["image_id"], known["label"], strict=True))


@lru_cache(maxsize=1)
def _objects() -> pd.DataFrame:
    return pictures.recognition_objects()


@lru_cache(maxsize=2)
def _load(eyes: Eyes) -> tuple[list[OverFeat], list[Regressor], int]:
    """Return nets, regressors and the margin around a picture, placed."""
    device = choose_device(eyes.infer.device)
    if eyes.role == DETECTION:
        detector = load_detector(eyes.nets[0])
        nets, regressors, margin = [detector.net], [detector.regressor], detector.margin
    else:
        nets, margin = [load_network(file) for file in eyes.nets], 0
        regressors = [load_regressor(eyes.regressor, nets[0])] if eyes.regressor else []
    placed = [net.to(device).to(memory_format=torch.channels_last) for net in nets]
    return placed, [regressor.to(device) for regressor in regressors], margin
