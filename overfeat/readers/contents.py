"""A picture's bytes, from where its record says they are."""

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from overfeat.errors import DatasetError


def read_bytes(root: Path, file: str, offset: int, length: int) -> bytes:
    """Read ``length`` bytes at ``offset`` of a file below the data set's root, with one seek.

    Raises:
        DatasetError: ``file`` leads out of the root, cannot be read, or ends before the last byte asked for.
    """
    path = _inside(root, file)
    if offset < 0 or length < 0:
        raise DatasetError(f"A picture in {path} cannot lie at byte {offset}, {length} bytes long.")
    try:
        with path.open("rb", buffering=0) as stream:
            stream.seek(offset)
            content = stream.read(length)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}): was the data set moved?") from error
    if len(content) < length:
        raise DatasetError(
            f"{path} ends before byte {offset + length}: it was cut or changed since it was prepared; "
            "fetch it or prepare it again."
        )
    return content


def _inside(root: Path, file: str) -> Path:
    """Return the path of a file below the root, refusing one that leads out of it by ``..`` or by a link.

    An archive directly in the root may be a link: 138 GB are rarely copied to where they are wanted, and
    what a link by that name points at is read as a tar's members, not handed out whole.
    """
    parts = PurePosixPath(file).parts
    plain = bool(parts) and not PurePosixPath(file).is_absolute() and ".." not in parts
    path = root / file
    if plain and not PureWindowsPath(file).drive and "\0" not in file:
        if len(parts) == 1 and path.suffix == ".tar":
            return path
        if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
            return path
    raise DatasetError(f"{file!r} is not a file inside {root}, where a record's file has to be.")
