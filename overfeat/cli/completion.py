"""``overfeat completion``: what makes a shell complete the words of ``overfeat``."""

import argparse
import importlib.util
import sys
from collections.abc import Sequence

from overfeat.errors import SettingsError

HELP = "print what makes a shell complete commands and options"
EPILOG = """\
examples:
  overfeat completion bash >> ~/.bash_completion
  overfeat completion zsh > ~/.zfunc/_overfeat     (a folder of $fpath)"""
_SHELLS = ("bash", "zsh", "tcsh")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the shell."""
    parser.add_argument("shell", choices=_SHELLS, help=f"one of {', '.join(_SHELLS)}")


def run(chosen: argparse.Namespace, rest: Sequence[str]) -> None:
    """Print the shell's script."""
    if importlib.util.find_spec("shtab") is None:
        raise SettingsError("completion needs shtab, not installed here: pip install 'overfeat[cli]'")
    import shtab

    from overfeat.cli import make_parser

    sys.stdout.write(shtab.complete(make_parser(), shell=chosen.shell) + "\n")
