"""The plan of a stage: its units under the KEY of its settings, inputs and code."""

import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.engine.current import Current, set_current
from pipelines.engine.fingerprint import fingerprint, key_of
from pipelines.engine.graph import Entry, entry_of, read_graph
from pipelines.engine.settings import PARAMS_FILE, load_params
from pipelines.engine.stage import Stage, Unit, build_stage, check_units


@dataclass(frozen=True)
class Plan:
    """What there is to work; the same in ``plan.json``, ``missing.json`` and in every worker."""

    stage: str
    key: str
    inputs: dict[str, str]
    """The fingerprint that ``key`` is the hash of."""
    params: dict[str, Any]
    """Raw values, the declared ones only."""
    workers: int
    threads: int
    units: tuple[Unit, ...]
    gpu: bool = False
    """Whether the units want a GPU to themselves."""

    @cached_property
    def built(self) -> Stage:
        """The stage itself; its module, which may be slow to import, is imported only here."""
        return build_stage(self.stage, self.params)

    def dumps(self) -> str:
        """Return the plan as JSON."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def loads(cls, text: str) -> "Plan":
        """Return the plan that :meth:`dumps` gave."""
        values = json.loads(text)
        return cls(**{**values, "units": tuple(Unit(**unit) for unit in values["units"])})

    def only(self, units: list[Unit]) -> "Plan":
        """Return this plan with these units alone."""
        return replace(self, units=tuple(units))


def make_plan(root: Path, name: str) -> Plan:
    """Return the plan of the stage ``name`` as settings, inputs and code are now.

    Raises:
        OverFeatError: if a setting is wrong, an input is missing, or the stage cannot plan.
    """
    set_current(Current(name, "", root))
    _, params, inputs = look(root, name)
    key = key_of(inputs)
    set_current(Current(name, key, root))
    stage = build_stage(name, params)
    units = stage.plan()
    check_units(name, units)
    workers, threads = max(1, stage.workers), max(1, stage.threads)
    return Plan(name, key, inputs, params, workers, threads, tuple(units), stage.gpu)


def look(root: Path, name: str) -> tuple[Entry, dict[str, Any], dict[str, str]]:
    """Return the stage's entry, its declared raw params, and its fingerprint as they are on disk now."""
    entry = entry_of(read_graph(root), name)
    everything = load_params(root / PARAMS_FILE)
    params = {param: everything[param] for param in entry.params}
    return entry, params, fingerprint(root, entry, params)
