"""``overfeat import-weights``: a weight file of the authors' release as a checkpoint."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

HELP = "turn a weight file of the authors' release into a checkpoint that a run takes in the place of training"
RELEASED = Path("data/released")
"""Where imported weights lie, below the project's root."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file and where the checkpoint goes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="net_weight_0 (fast) or net_weight_1 (accurate)")
    parser.add_argument(
        "--out", type=Path, default=RELEASED, metavar="FOLDER", help="gets the checkpoint (default: %(default)s)"
    )


def run(chosen: argparse.Namespace, rest: Sequence[str]) -> None:
    """Write a checkpoint whose name has the hash of its weights, and say how a run takes it."""
    from overfeat.models.checkpoints import save_network, weights_hash
    from overfeat.models.released import load_released
    from overfeat.places import told_unwritten

    net = load_released(chosen.file)
    name = net.table.name
    path = chosen.out / f"{name}-{weights_hash(net)[:12]}.pt"
    with told_unwritten(path, "folder with --out"):
        save_network(path, net, {"model": name, "imported_from": chosen.file.name})
    sys.stderr.write(
        f"overfeat: the network {name!r} of the authors' release, {net.num_classes:,} classes, is in {path}\n"
        "overfeat: a run takes it in the place of training with the setting train_classifier.weights:\n"
        f'  make run PROFILE={name} SOURCE=... SET="train_classifier.weights={path}"\n'
    )
