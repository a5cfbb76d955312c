"""``params.yaml`` as plain values, and its sections as the settings classes they stand for."""

import importlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from overfeat.config import parse
from overfeat.errors import SettingsError, did_you_mean

PARAMS_FILE = "params.yaml"


class _Loader(yaml.SafeLoader):
    """YAML in which ``1e-5`` is a number, as it is for DVC and Hydra (PyYAML's own rule takes it for a text)."""


_Loader.yaml_implicit_resolvers = dict(yaml.SafeLoader.yaml_implicit_resolvers)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"), list("-+0123456789.")
)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in the YAML file ``path``.

    Raises:
        SettingsError: if the file is not there, not YAML, or holds no mapping.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - derived from SafeLoader
    except FileNotFoundError:
        raise SettingsError(f"{path.name} is not in {path.parent}: run this in the project's root folder") from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f" at line {place.line + 1}" if place else ""
        raise SettingsError(f"{path} is not valid YAML{line}: {getattr(error, 'problem', error)}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path} must hold names and values, not {type(values).__name__}")
    return values


def load_params(path: Path) -> dict[str, Any]:
    """Return the raw values of the file ``params.yaml``."""
    return read_yaml(path)


def stage_package() -> str:
    """Return the name of the package that holds the stages: ``pipelines``, unless OVERFEAT_STAGES names another."""
    return os.environ.get("OVERFEAT_STAGES", "pipelines")


def sections() -> Mapping[str, type]:
    """Return the settings classes by section: ``SECTIONS`` of the package of stages."""
    package = importlib.import_module(stage_package())
    found: Mapping[str, type] = package.SECTIONS
    return found


def parse_section(name: str, raw: Any) -> Any:
    """Return the top-level entry ``name`` of ``params.yaml`` parsed; plain values (source, model) pass as they are.

    Raises:
        SettingsError: if a setting is unknown, of the wrong type or out of range.
    """
    known = sections()
    if name in known:
        return parse(known[name], raw, name)
    if isinstance(raw, dict | list) or raw is None:
        raise SettingsError(f"unknown section {name!r} in {PARAMS_FILE}{did_you_mean(name, known)}")
    return raw
