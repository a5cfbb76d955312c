"""Errors a person can act on: one class a cause, one sentence each.

Every error here is about the user's own data, files or settings. Command lines print its sentence and
exit with code 2 and no traceback; anything else that is raised is our bug and keeps its traceback.
The sentence says what failed, where, what was expected and what to do next.
"""

import difflib
from collections.abc import Iterable


class OverFeatError(Exception):
    """Base of every error that the user, not the program, can mend."""


class SettingsError(OverFeatError):
    """A setting is unknown, of the wrong type or out of its range."""


class DatasetError(OverFeatError):
    """A data set is missing, incomplete, or in no layout we know."""


class PictureError(OverFeatError):
    """A picture cannot be decoded whole."""


class CheckpointError(OverFeatError):
    """A checkpoint is missing, damaged or does not fit the network."""


class TrainingError(OverFeatError):
    """Training cannot go on, for instance because the loss is not finite."""


class ResultsError(OverFeatError):
    """A results table, column, label or run that was asked for is not there."""


class PlaceError(OverFeatError):
    """A file, folder or bucket cannot be used: its name is wrong, or it may not be read or written."""


class PlaceMissingError(PlaceError):
    """A file or folder is not there."""


class UnreachableError(Exception):
    """A bucket cannot be reached just now. Not an :class:`OverFeatError`: the next try may do, so callers retry."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the known name nearest to ``name``, or an empty string."""
    nearest = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""
