"""Pictures in a folder and the folders below it.

No link to a folder is followed: it could leave the data set, or lead back and never end.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from overfeat.readers.names import is_hidden, is_picture, stem
from overfeat.readers.records import ImageRecord, RejectRecord


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in one folder: names, sorted, without hidden ones. ``links`` are those to folders."""

    files: list[str]
    folders: list[str]
    links: list[str]


def list_folder(folder: Path) -> Listing:
    """List one folder. Raises OSError if this user may not."""
    listing = Listing([], [], [])
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if is_hidden(entry.name):
                continue
            if not entry.is_dir():
                listing.files.append(entry.name)
            elif entry.is_symlink():
                listing.links.append(entry.name)
            else:
                listing.folders.append(entry.name)
    return listing


def read_tree(root: Path, part: str, deep: bool) -> Iterator[ImageRecord | RejectRecord]:
    """Yield a picture without split or label for each picture file, and a reject for all else.

    Args:
        root: the data set's folder.
        part: the folder to read, below the root, with forward slashes; ``"."`` is the root itself.
        deep: take the folders inside it too. Their files come after its own, all sorted by name.
    """
    waiting = [PurePosixPath(part)]
    while waiting:
        folder = waiting.pop()
        try:
            listing = list_folder(root / folder)
        except OSError as error:
            yield _reject(folder, "unreadable folder", f"cannot be listed: {error.strerror}")
            continue
        for name in listing.links:
            yield _reject(folder / name, "linked folder", "is a link to a folder, which is not followed")
        ids = _ids([name for name in listing.files if is_picture(name)])
        for name in listing.files:
            yield _file(root, folder / name, (folder / ids.get(name, stem(name))).as_posix())
        if deep:
            waiting.extend(folder / name for name in reversed(listing.folders))


def _ids(names: Sequence[str]) -> dict[str, str]:
    """Return an id for each picture of one folder: its stem, or its name where another has that stem."""
    # a whole name counts too: "a.jpg" is the stem of "a.jpg.png"
    taken = Counter([*names, *(stem(name) for name in names)])
    return {name: stem(name) if taken[stem(name)] == 1 else name for name in names}


def _file(root: Path, file: PurePosixPath, image_id: str) -> ImageRecord | RejectRecord:
    path = root / file
    if _shown(file) != file.as_posix():
        # names that are not UTF-8 come from the system with lone surrogates, which no table can hold
        return _reject(file, "unreadable name", "has a name that is not text")
    if not is_picture(file.name):
        return _reject(file, "not a picture", "has no suffix of a picture")
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        return _reject(file, "outside the data set", f"is a link to {str(path.readlink())!r}", image_id)
    if not path.is_file():
        return _reject(file, "not a plain file", "is a broken link or a device", image_id)
    length = path.stat().st_size
    if length == 0:
        return _reject(file, "empty file", "is empty", image_id)
    return ImageRecord(image_id, None, None, file.as_posix(), 0, length)


def _reject(path: PurePosixPath, reason: str, why: str, image_id: str | None = None) -> RejectRecord:
    return RejectRecord(image_id, _shown(path), reason, f"{_shown(path)!r} {why}.")


def _shown(path: PurePosixPath) -> str:
    return path.as_posix().encode("utf-8", "backslashreplace").decode("utf-8")
