"""Keep some channels of the authors' outputs: ``python tests/golden/thin.py FULL.npz``."""

import sys
from pathlib import Path

import numpy as np

KEPT = {"logits_231x231": 1, "features_231x231": 8, "logits_263x327": 4, "features_263x327": 32}
"""Every so many-th channel is kept."""


def main(full: Path) -> None:
    """Write ``released_fast.npz`` beside this file."""
    arrays = {}
    with np.load(full) as given:
        for name, step in KEPT.items():
            channels = np.arange(0, len(given[name]), step)
            arrays |= {name: given[name][channels], f"channels_{name}": channels.astype(np.int16)}
    np.savez_compressed(Path(__file__).with_name("released_fast.npz"), **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
