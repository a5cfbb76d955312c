"""What the result of a picture depends on beside its bytes: checkpoints and settings, as one hash."""

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from overfeat.atomic import making
from overfeat.config import InferSettings, MergeSettings, PreprocessSettings
from overfeat.errors import SettingsError, did_you_mean
from overfeat.models.checkpoint_folder import used_files
from overfeat.results.schemas import SCHEMA_VERSION
from pipelines.engine.digests import Digests
from pipelines.engine.fingerprint import key_of
from pipelines.engine.locks import WORK
from pipelines.engine.settings import parse_section

SECTIONS = ("infer", "merge", "preprocess")
"""Sections of the settings that decide what is seen in a picture."""
_WITHOUT_EFFECT = {"infer": {"splits", "device", "unit_images", "batch_windows"}}
_KEPT_MODELS = 2
"""Copies of other checkpoints that are kept beside a new one."""
_PREPROCESS = {"evaluation_side", "detection_side"}
"""Of ``preprocess`` only these touch a picture that is no training picture."""


@dataclass(frozen=True)
class Recipe:
    """Settings and checkpoints.

    Attributes:
        infer: how to look.
        merge: how to decide.
        preprocess: to which size pictures are downsampled.
        params: the raw sections, for the plan.
        checkpoints: a copy of the folder of checkpoints that nobody changes, relative to the root.
        revision: the git revision they are from; None for those of the working copy.
        hash: equal if, and only if, the same picture gives the same rows.
    """

    infer: InferSettings
    merge: MergeSettings
    preprocess: PreprocessSettings
    params: Mapping[str, Any]
    checkpoints: str
    revision: str | None
    hash: str


def make_recipe(
    root: Path, params: Mapping[str, Any], overrides: Sequence[str], checkpoints: Path, revision: str | None
) -> Recipe:
    """Return the recipe of a model revision, with its checkpoints copied aside.

    Args:
        root: the project's root.
        params: raw values of the revision's ``params.yaml``.
        overrides: ``infer.NAME=VALUE`` or ``merge.NAME=VALUE``, on top of them.
        checkpoints: folder that the training stages wrote.
        revision: what to call it.

    Raises:
        SettingsError: if a setting is unknown, of the wrong type or out of range.
        CheckpointError: if there is no trained model in the folder.
    """
    raw = _overridden({name: dict(params[name]) for name in SECTIONS}, overrides)
    infer, merge, preprocess = (parse_section(name, raw[name]) for name in SECTIONS)
    files = used_files(checkpoints, infer.checkpoint)
    digests = Digests(root / WORK / "digests.sqlite").of_files([checkpoints / file for file in files])
    inputs = {file.as_posix(): digests[checkpoints / file] for file in files}
    kept = checkpoints if checkpoints.is_relative_to(root / WORK) else _copy(root, checkpoints, files, key_of(inputs))
    inputs["settings"] = key_of({"all": repr(_telling(infer, merge, preprocess))})
    inputs["schema"] = str(SCHEMA_VERSION)
    return Recipe(infer, merge, preprocess, raw, kept.relative_to(root).as_posix(), revision, key_of(inputs))


def _telling(*sections: Any) -> list[tuple[str, Any]]:
    """Return the settings that can change a row, by name."""
    found = []
    for name, section in zip(SECTIONS, sections, strict=True):
        for field, value in sorted(dataclasses.asdict(section).items()):
            if field not in _WITHOUT_EFFECT.get(name, ()) and (name != "preprocess" or field in _PREPROCESS):
                found.append((f"{name}.{field}", value))
    return found


def _overridden(raw: dict[str, dict[str, Any]], overrides: Sequence[str]) -> dict[str, dict[str, Any]]:
    for choice in overrides:
        name, equals, text = choice.partition("=")
        section, _, field = name.strip().partition(".")
        if not equals or section not in ("infer", "merge") or field not in raw[section]:
            known = [f"{part}.{each}" for part in ("infer", "merge") for each in raw[part]]
            raise SettingsError(
                f"{choice!r} is no setting of a batch{did_you_mean(name, known)}: write infer.NAME=VALUE or "
                "merge.NAME=VALUE"
            )
        try:
            raw[section][field] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise SettingsError(f"the value of {choice!r} cannot be read: {error}") from error
    return raw


def _copy(root: Path, checkpoints: Path, files: Sequence[Path], name: str) -> Path:
    """Return a folder with a copy of the files, made whole or not at all: a training may replace them meanwhile."""
    target = root / WORK / "models" / name
    if target.is_dir():
        return target
    with making(target) as aside:
        for file in files:
            (aside / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkpoints / file, aside / file)
    older = sorted((path for path in target.parent.iterdir() if path != target), key=lambda path: path.stat().st_mtime)
    for path in older[:-_KEPT_MODELS]:
        shutil.rmtree(path)
    return target
