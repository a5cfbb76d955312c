"""What a stage's result depends on, as digests: its declared settings, data and code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.engine.digests import Digests, digest_of
from pipelines.engine.errors import PipelineError
from pipelines.engine.graph import Entry

_KEY_LENGTH = 32


def fingerprint(root: Path, entry: Entry, params: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of everything the stage declares: ``param NAME`` and ``dep PATH``.

    Args:
        root: the project's root folder; the memory of digests is in its ``.work``.
        entry: the stage as ``dvc.yaml`` has it.
        params: raw values of ``params.yaml``, at least the declared ones.

    Raises:
        PipelineError: if a dep is not there.
    """
    digests = Digests(root / ".work" / "digests.sqlite")
    found = {f"param {name}": _of_value(params[name]) for name in entry.params}
    for dep in entry.deps:
        if not (root / dep).exists():
            raise PipelineError(f"{dep} is not there; the stages before this one make it: run `dvc repro {entry.name}`")
        found[f"dep {dep}"] = digests.of(root / dep)
    return found


def key_of(inputs: Mapping[str, str]) -> str:
    """Return the KEY of a fingerprint: equal if, and only if, all of it is."""
    return _of_value(dict(inputs))[:_KEY_LENGTH]


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return the names of what changed between two fingerprints."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def _of_value(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return digest_of(text.encode())
