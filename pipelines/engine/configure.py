"""``params.yaml`` composed from ``conf/`` by Hydra, just as ``dvc exp run -S`` composes it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from overfeat.atomic import write_text
from overfeat.config import leaves
from overfeat.errors import SettingsError, did_you_mean
from pipelines.engine.settings import PARAMS_FILE, load_params, parse_section, sections

PROFILE = "profile"


def configure(root: Path, choices: Sequence[str]) -> list[str]:
    """Compose ``conf/`` with ``choices`` into ``params.yaml`` and return what changed, a line each.

    Args:
        root: the project's root folder.
        choices: ``name=value`` each, in Hydra's grammar: ``profile=fast``, ``merge.scales=[1,2]``. A value for a
            section of texts is that of each: ``source=FOLDER`` names one folder for all tasks. What is not chosen
            is as ``conf/`` has it, not as ``params.yaml`` had it.

    Raises:
        SettingsError: on an unknown name or profile, or a value of the wrong type or out of range; the file then
            stays as it was.
    """
    composed = compose(root / "conf", choices)
    from omegaconf import OmegaConf

    check(composed)
    path = root / PARAMS_FILE
    before = dict(leaves(load_params(path))) if path.exists() else {}
    after = dict(leaves(composed))
    if before != after:
        write_text(path, OmegaConf.to_yaml(OmegaConf.create(composed)))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [f"{name}: {before.get(name, 'not set')} -> {after.get(name, 'not set')}" for name in names]


def compose(conf: Path, choices: Sequence[str]) -> dict[str, Any]:
    """Return the plain values that Hydra makes of the folder ``conf`` and ``choices``.

    Raises:
        SettingsError: if a choice is not ``name=value`` or names what is not there.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    def composed(overrides: list[str]) -> dict[str, Any]:
        try:
            with initialize_config_dir(str(conf.resolve()), version_base=None):
                values = OmegaConf.to_container(hydra_compose("config", overrides), resolve=True)
        except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())
            raise SettingsError(f"the settings in {conf.name}/ cannot be composed: {reason}") from error
        return dict(values)  # type: ignore[arg-type]

    profile = [choice for choice in choices if _name(choice) == PROFILE]
    _check_profile(conf, profile)
    defaults = composed(profile)
    settings = [each for choice in choices if choice not in profile for each in _spread(choice, defaults)]
    _check_names(defaults, settings)
    return composed([*profile, *settings])


def check(values: Mapping[str, Any]) -> None:
    """Raise SettingsError unless every section is there and holds known names with values in their range."""
    for name in sections():
        if name not in values:
            raise SettingsError(f"the section {name!r} is missing in the composed settings")
    for name, value in values.items():
        parse_section(name, value)


def _name(choice: str) -> str:
    name, equals, _ = choice.partition("=")
    if not equals or not name.strip():
        raise SettingsError(f"{choice!r} is no setting: write name=value, for instance profile=fast or merge.top_k=3")
    return name.strip()


def _spread(choice: str, defaults: Mapping[str, Any]) -> list[str]:
    """Return a choice as it is; one for a section of texts, such as ``source=FOLDER``, as one for each of them."""
    name = _name(choice)
    section = defaults.get(name)
    if not isinstance(section, Mapping) or not all(isinstance(value, str) for value in section.values()):
        return [choice]
    return [f"{name}.{key}={choice.partition('=')[2]}" for key in section]


def _check_profile(conf: Path, choices: Sequence[str]) -> None:
    known = sorted(path.stem for path in (conf / PROFILE).glob("*.yaml"))
    for choice in choices:
        profile = choice.partition("=")[2].strip()
        if profile not in known:
            raise SettingsError(f"no profile {profile!r}{did_you_mean(profile, known)}; there are {', '.join(known)}")


def _check_names(defaults: Mapping[str, Any], choices: Sequence[str]) -> None:
    known = dict(leaves(defaults))
    for choice in choices:
        if (name := _name(choice)) not in known:
            raise SettingsError(f"unknown setting {name}{did_you_mean(name, known)}")
