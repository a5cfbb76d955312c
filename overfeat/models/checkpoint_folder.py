"""What lies where in the folder that the training stages fill, without loading any of it.

``classifier/member-N``, ``localizer/member-N``, ``detector/member-N`` with ``last.pt`` and ``best.pt``, and
``calibration/{calibration,looking}.json``. A detector that was trained jointly holds the classifier and the localizer
that belong to it, in folders of these names.
"""

from pathlib import Path

from overfeat.errors import CheckpointError

CALIBRATION_FILE = Path("calibration/calibration.json")
LOOKING_FILE = Path("calibration/looking.json")


_MEMBER = "member-"


def members(folder: Path) -> list[Path]:
    """Return the folders ``member-N`` of a training, by their number."""
    return sorted(folder.glob(f"{_MEMBER}*"), key=member_number)


def member_number(folder: Path) -> int:
    """Return N of a folder ``member-N``."""
    return int(folder.name.removeprefix(_MEMBER))


def has_localizer(checkpoints: Path) -> bool:
    """Say whether there is a localizer: there is none where no training picture has a box."""
    return any((checkpoints / "localizer").glob(f"{_MEMBER}*"))


def has_detector(checkpoints: Path) -> bool:
    """Say whether there is a detector: there is none where no data set annotates every object."""
    return any((checkpoints / "detector").glob(f"{_MEMBER}*"))


def checkpoint_files(checkpoints: Path, kind: str, which: str) -> list[Path]:
    """Return the files of a kind ("classifier", "localizer", "detector") by member.

    Raises:
        CheckpointError: if there is none.
    """
    found = [file for member in members(checkpoints / kind) if (file := member / f"{which}.pt").is_file()]
    if not found:
        raise CheckpointError(f"there is no {which}.pt in {checkpoints / kind}: run the training stage")
    return found


def latest_files(checkpoints: Path, kind: str, which: str) -> list[Path]:
    """Return a kind's files, or those of the same kind that were trained on together with the detector."""
    jointly = (member / kind / f"{which}.pt" for member in members(checkpoints / "detector"))
    return [file for file in jointly if file.is_file()] or checkpoint_files(checkpoints, kind, which)


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
