"""Patterns of paths, followed one name at a time, so that folders that cannot match are never listed."""

import fnmatch
import re
from dataclasses import dataclass

ANY_DEPTH = "**"
_WILD = re.compile(r"[*?\[]")


def has_wildcards(text: str) -> bool:
    """Return whether ``text`` may be a pattern."""
    return bool(_WILD.search(text))


@dataclass(frozen=True)
class Glob:
    """What is left of a pattern in a folder: ``ways`` are the positions in ``parts`` that it may have come to."""

    parts: tuple[str, ...]
    ways: frozenset[int]

    @classmethod
    def of(cls, pattern: str) -> "Glob":
        """Return the whole pattern; its parts are between slashes, and ``**`` stands for any number of names."""
        parts = tuple(part for part in pattern.split("/") if part)
        return cls(parts, _with_none(parts, {0}))

    def below(self, name: str) -> "Glob":
        """Return what is left after ``name``; false where nothing below it can match."""
        on = {way for way in self.ways if way < len(self.parts) and self.parts[way] == ANY_DEPTH}
        on |= {
            way + 1 for way in self.ways - on if way < len(self.parts) and fnmatch.fnmatchcase(name, self.parts[way])
        }
        return Glob(self.parts, _with_none(self.parts, on))

    @property
    def is_match(self) -> bool:
        """Whether the names so far match the whole pattern."""
        return len(self.parts) in self.ways

    def __bool__(self) -> bool:
        """Return whether something below can match."""
        return any(way < len(self.parts) for way in self.ways)


def _with_none(parts: tuple[str, ...], ways: set[int]) -> frozenset[int]:
    """Add the ways in which a ``**`` stands for no name."""
    for way, part in enumerate(parts):
        if way in ways and part == ANY_DEPTH:
            ways.add(way + 1)
    return frozenset(ways)
