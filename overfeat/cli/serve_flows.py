"""``overfeat serve-flows``: becomes ``python -m flows.serve``, of which the library knows nothing else."""

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence

from overfeat.errors import SettingsError

HELP = "run the flows at their times, one run at a time, with a Prefect server if none is there"
TAKES_ANYTHING = True
_NEEDED = ("prefect", "flows")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: the options are those of ``flows.serve``."""


def run(chosen: argparse.Namespace, rest: Sequence[str]) -> None:
    """Become the module of the flows, with the words that came after the command."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"serve-flows needs {' and '.join(missing)}, not installed here: pip install 'overfeat[pipeline]'"
        )
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "flows.serve", *rest])  # noqa: S606
