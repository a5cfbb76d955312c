"""``dvc.yaml`` as plain data: the one place where the edges between stages are written."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from overfeat.errors import SettingsError, did_you_mean
from pipelines.engine.settings import PARAMS_FILE, load_params, read_yaml

GRAPH_FILE = "dvc.yaml"
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True)
class Entry:
    """One stage as ``dvc.yaml`` declares it; paths are relative to the root, or absolute."""

    name: str
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    """All outs: plain ones, metrics and plots."""
    metrics: tuple[str, ...]
    params: tuple[str, ...]


def read_graph(root: Path) -> dict[str, Entry]:
    """Return the stages of ``dvc.yaml`` in its order, ``${name}`` filled in from ``params.yaml``.

    Raises:
        SettingsError: if a file is missing, or one names what the other has not.
    """
    params = load_params(root / PARAMS_FILE)
    stages = read_yaml(root / GRAPH_FILE).get("stages", {})
    return {name: _entry(name, stage, params) for name, stage in stages.items()}


def entry_of(graph: Mapping[str, Entry], name: str) -> Entry:
    """Return the stage ``name``, or raise SettingsError with the nearest name."""
    if name not in graph:
        raise SettingsError(f"no stage {name!r} in {GRAPH_FILE}{did_you_mean(name, graph)}; it has {', '.join(graph)}")
    return graph[name]


def chain(graph: Mapping[str, Entry], wanted: Iterable[str] | None) -> list[str]:
    """Return the stages ``wanted`` and all that they need, in the order of ``dvc.yaml``; None for all stages."""
    if wanted is None:
        return list(graph)
    found: set[str] = set()
    waiting = [entry_of(graph, name).name for name in wanted]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [other.name for other in graph.values() if _feeds(other, graph[name])]
    return [name for name in graph if name in found]


def _feeds(maker: Entry, user: Entry) -> bool:
    """Return whether an out of ``maker`` is, holds, or lies in a dep of ``user``."""
    pairs = ((PurePosixPath(out), PurePosixPath(dep)) for out in maker.outs for dep in user.deps)
    return any(out.is_relative_to(dep) or dep.is_relative_to(out) for out, dep in pairs)


def _entry(name: str, stage: Mapping[str, Any], params: Mapping[str, Any]) -> Entry:
    metrics = _paths(stage.get("metrics"), params)
    outs = _paths(stage.get("outs"), params) + metrics + _paths(stage.get("plots"), params)
    declared = tuple(stage.get("params") or ())
    for param in declared:
        if not isinstance(param, str) or param not in params:
            raise SettingsError(
                f"stage {name} in {GRAPH_FILE} declares the param {param!r}, which is no top-level name of "
                f"{PARAMS_FILE}{did_you_mean(str(param), params)}"
            )
    return Entry(name, _paths(stage.get("deps"), params), outs, metrics, declared)


def _paths(listed: Any, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the paths of a list whose items are ``path`` or ``{path: options}``, or of such a mapping."""
    paths = [next(iter(item)) if isinstance(item, dict) else item for item in listed or ()]
    return tuple(str(PurePosixPath(_fill_in(path, params))) for path in paths)


def _fill_in(text: str, params: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        found: Any = params
        for part in match[1].strip().split("."):
            if not isinstance(found, Mapping) or part not in found:
                raise SettingsError(f"{GRAPH_FILE} uses {match[0]}, which {PARAMS_FILE} does not have")
            found = found[part]
        return str(found)

    return _PLACEHOLDER.sub(value, text)
