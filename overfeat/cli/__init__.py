"""The command ``overfeat``: one module a command.

A command's module has ``HELP``, a line; ``arguments(parser)``, which declares its arguments; and ``run(chosen, rest)``,
which does it. Modules load what takes long inside ``run``, so that ``--help`` does not wait for it.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType

from overfeat.cli import completion, detect, diff, export, import_weights, query, serve_flows
from overfeat.errors import OverFeatError, UnreachableError

COMMANDS: dict[str, ModuleType] = {
    "detect": detect,
    "query": query,
    "diff": diff,
    "export": export,
    "import-weights": import_weights,
    "serve-flows": serve_flows,
    "completion": completion,
}
"""The commands, in the order in which ``--help`` lists them."""

USER_ERROR = 2
"""Exit code: what was given must be mended; trying again gives the same."""
_AGAIN = 1  # a bucket that cannot be reached just now
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; what a person can mend is one sentence on stderr."""
    parser = make_parser()
    chosen, rest = parser.parse_known_args(arguments)
    if chosen.command is None:
        parser.print_help()
        return USER_ERROR
    command = COMMANDS[chosen.command]
    if rest and not getattr(command, "TAKES_ANYTHING", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        command.run(chosen, rest)
    except (OverFeatError, UnreachableError) as error:
        if chosen.debug or os.environ.get("OVERFEAT_DEBUG") == "1":
            traceback.print_exc()
        sys.stderr.write(f"overfeat: {error}\n")
        return USER_ERROR if isinstance(error, OverFeatError) else _AGAIN
    except KeyboardInterrupt:
        sys.stderr.write("overfeat: interrupted\n")
        return _INTERRUPTED
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="overfeat",
        description="OverFeat: classification, localization and detection by one convolutional network.",
        epilog="`overfeat COMMAND --help` says more. The pipeline is run by `make run`, or `dvc repro`.",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        own_help = not getattr(command, "TAKES_ANYTHING", False)  # else --help is for whom it hands its words to
        text = command.HELP
        added = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=getattr(command, "EPILOG", None),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=own_help,
        )
        command.arguments(added)
    return parser
