"""What lies where in the folder that the training stages fill, without loading any of it.

``classifier/member-N``, ``localizer/member-N``, ``detector/member-N`` with ``last.pt`` and ``best.pt``, and
``calibration/{calibration,looking}.json``. A detector that was trained jointly holds the classifier and the localizer
that belong to it, in folders of these names.
"""

from pathlib import Path

from overfeat.errors import CheckpointError

CALIBRATION_FILE = Path("calibration/calibration.json")
LOOKING_FILE = Path("calibration/looking.json")


def has_localizer(checkpoints: Path) -> bool:
    """Say whether there is a localizer: there is none where no training picture has a box."""
    return any((checkpoints / "localizer").glob("member-*"))


def has_detector(checkpoints: Path) -> bool:
    """Say whether there is a detector: there is none where no data set annotates every object."""
    return any((checkpoints / "detector").glob("member-*"))


def checkpoint_files(checkpoints: Path, kind: str, which: str) -> list[Path]:
    """Return the files of a kind ("classifier", "localizer", "detector") by member.

    Raises:
        CheckpointError: if there is none.
    """
    found = sorted((checkpoints / kind).glob(f"member-*/{which}.pt"), key=lambda path: int(path.parent.name[7:]))
    if not found:
        raise CheckpointError(f"there is no {which}.pt in {checkpoints / kind}: run the training stage")
    return found


def latest_files(checkpoints: Path, kind: str, which: str) -> list[Path]:
    """Return a kind's files, or those of the same kind that were trained on together with the detector."""
    jointly = (checkpoints / "detector").glob(f"member-*/{kind}/{which}.pt")
    found = sorted(jointly, key=lambda path: int(path.parts[-3][7:]))
    return found or checkpoint_files(checkpoints, kind, which)


def used_files(checkpoints: Path, which: str) -> list[Path]:
    """Return all files that looking at pictures needs, relative to the folder.

    Raises:
        CheckpointError: if there is no trained classifier, or no calibration.
    """
    files = latest_files(checkpoints, "classifier", which)
    if has_localizer(checkpoints):
        files = files + latest_files(checkpoints, "localizer", which)
    if has_detector(checkpoints):
        files = files + checkpoint_files(checkpoints, "detector", which)
    if not (checkpoints / CALIBRATION_FILE).is_file():
        raise CheckpointError(f"there is no {checkpoints / CALIBRATION_FILE}: run the stage `calibrate`")
    return [path.relative_to(checkpoints) for path in [*files, checkpoints / CALIBRATION_FILE]]
