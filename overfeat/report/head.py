"""The head of the page: what was looked at by what, and with which settings."""

from collections.abc import Mapping
from typing import Any

from overfeat.config import leaves
from overfeat.report.markup import Child, Markup, behind, table, tag

_SHORT = 12
_HASHES = ("git commit", "dvc.lock")


def facts_list(facts: Mapping[str, str | None]) -> Markup:
    """Return facts as a list of terms; hashes are shortened, and whole on demand (their title)."""
    rows: list[Child] = []
    for name, value in facts.items():
        shown: Child = value or "not known"
        if value and name in _HASHES:
            shown = tag("code", value[:_SHORT], title=value)
        rows.append(tag("div", tag("dt", name), tag("dd", shown)))
    return tag("dl", rows, class_="facts")


def settings_table(settings: Mapping[str, Any]) -> Markup:
    """Return all settings, on demand."""
    rows = [[tag("code", name), tag("code", _written(value))] for name, value in leaves(settings)]
    return behind("All settings", table(["setting", "value"], rows, class_="plain"))


def _written(value: Any) -> str:
    """Return a value as ``params.yaml`` has it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(_written, value))}]" if isinstance(value, list | tuple) else str(value)
