"""The command ``overfeat``: ``overfeat import-weights FILE``."""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from overfeat.errors import CheckpointError, OverFeatError

RELEASED = Path("data/released")
"""Where imported weights lie, below the project's root."""
USER_ERROR = 2
"""Exit code: what was given must be mended; trying again gives the same."""
_INTERRUPTED = 130
_IMPORT = "turn a weight file of the authors' release into a checkpoint that a run takes in the place of training"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; what a person can mend is one sentence on stderr."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.print_help()
        return USER_ERROR
    try:
        chosen.run(chosen)
    except OverFeatError as error:
        if chosen.debug or os.environ.get("OVERFEAT_DEBUG") == "1":
            traceback.print_exc()
        sys.stderr.write(f"overfeat: {error}\n")
        return USER_ERROR
    except KeyboardInterrupt:
        sys.stderr.write("overfeat: interrupted\n")
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="overfeat",
        description="OverFeat: classification, localization and detection by one convolutional network.",
        epilog="`overfeat COMMAND --help` says more. The pipeline is run by `make run`, or `dvc repro`.",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    weights = commands.add_parser("import-weights", help=_IMPORT, description=f"{_IMPORT.capitalize()}.")
    weights.add_argument("file", type=Path, metavar="FILE", help="net_weight_0 (fast) or net_weight_1 (accurate)")
    weights.add_argument(
        "--out", type=Path, default=RELEASED, metavar="FOLDER", help="gets the checkpoint (default: %(default)s)"
    )
    weights.set_defaults(run=_import_weights)
    return parser


def _import_weights(chosen: argparse.Namespace) -> None:
    """Write a checkpoint whose name has the hash of its weights, and say how a run takes it."""
    from overfeat.models.checkpoints import save_network, weights_hash  # here: torch takes seconds, --help needs none
    from overfeat.models.released import load_released

    net = load_released(chosen.file)
    name = net.table.name
    path = chosen.out / f"{name}-{weights_hash(net)[:12]}.pt"
    try:
        save_network(path, net, {"model": name, "imported_from": chosen.file.name})
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(f"{path} cannot be written ({reason}): name another folder with --out") from error
    sys.stderr.write(
        f"overfeat: the network {name!r} of the authors' release, {net.num_classes:,} classes, is in {path}\n"
        "overfeat: a run takes it in the place of training with the setting train_classifier.weights:\n"
        f'  make run PROFILE={name} SOURCE=... SET="train_classifier.weights={path}"\n'
    )


if __name__ == "__main__":
    sys.exit(main())
