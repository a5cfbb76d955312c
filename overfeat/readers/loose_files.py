"""Pictures and text tables that lie loose in folders, for the layouts of archives that were unpacked.

A picture's name may come from a table or an annotation, that is from a stranger: it is looked for below one
folder of the data set, and neither a name nor a link leads out of the root.
"""

import math
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from overfeat import boxes
from overfeat.errors import DatasetError
from overfeat.readers.names import is_picture, stem
from overfeat.readers.records import ImageRecord, RejectRecord
from overfeat.readers.tree import Listing, list_folder

PICTURES_A_PART = 5_000
_PART = re.compile(r"train/(.+)|(val|test)@([0-9]{1,18})", re.DOTALL)


def list_parts(root: Path, folders: Mapping[str, str]) -> list[str]:
    """Return the parts of a data set whose training pictures lie in class folders, the others in one folder.

    They are ``train/CLASS``, links to folders among them, and ``val@START`` and ``test@START``: up to 5,000
    files of that folder, sorted by name, from the one of that number on.

    Args:
        root: the data set's folder.
        folders: by split, "train" among them, its folder below the root; "val" and "test" may be missing.

    Raises:
        DatasetError: a folder cannot be listed, or the pictures of "val" or "test" are in folders of it.
    """
    parts = [f"train/{name}" for name in _class_folders(root / folders["train"])]
    for split in sorted(folders.keys() - {"train"}, reverse=True):
        folder = root / folders[split]
        if not folder.is_dir():
            continue
        listing = _listed(folder)
        if listing.folders and not listing.files:
            raise DatasetError(f"{folder} holds folders, where pictures were expected: move those in them up into it.")
        parts += [f"{split}@{start}" for start in range(0, len(listing.files), PICTURES_A_PART)]
    return parts


def parse_part(root: Path, folders: Mapping[str, str], part: str) -> tuple[str, str, int]:
    """Return split, class folder (or "") and first file's number of a part that ``list_parts`` made of these folders.

    Raises:
        DatasetError: the part is none of them.
    """
    match = _PART.fullmatch(part)
    if match and match[1] in _class_folders(root / folders["train"]):
        return "train", match[1], 0
    if match and match[2] and (root / folders[match[2]]).is_dir():
        return match[2], "", int(match[3])
    raise DatasetError(f"{part!r} is not a part of {root}: take one that parts() returned.")


def refuse_class_folder(root: Path, folder: str, name: str, labels: Collection[str]) -> RejectRecord | None:
    """Return why nothing is read from the class folder ``name`` at ``folder``, or None if it is a class's own."""
    if (root / folder / name).is_symlink():
        reason, why = "linked folder", "is a link to a folder, which is not followed"
    elif name not in labels:
        reason, why = "unknown class", "is of none of the classes listed: none of it is used"
    else:
        return None
    return _reject(None, f"{folder}/{name}", reason, why)


def read_pictures(
    root: Path, folder: str, split: str, label: str | None = None, start: int | None = None
) -> Iterator[ImageRecord | RejectRecord]:
    """Yield a picture, named by its stem, or a reject, for each file of one folder, sorted by name.

    Args:
        root: the data set's folder.
        folder: below the root, with forward slashes.
        split: of the pictures.
        label: of the pictures.
        start: number of the first of up to 5,000 files; None for all of them.
    """
    wanted = slice(start, None if start is None else start + PICTURES_A_PART)
    try:
        names = list_folder(root / folder).files[wanted]
    except OSError as error:
        yield _reject(None, folder, "unreadable folder", f"cannot be listed: {error.strerror}")
        return
    seen: set[str] = set()
    for name in names:
        record = locate(root, folder, name, stem(name))
        if isinstance(record, RejectRecord):
            yield record
        elif record.image_id in seen:
            yield _reject(record.image_id, record.file, "duplicate picture", "has the name of a picture before it")
        else:
            seen.add(record.image_id)
            yield replace(record, split=split, label=label)


def locate(root: Path, folder: str, name: str, image_id: str) -> ImageRecord | RejectRecord:
    """Return the picture called ``name`` below a folder, without split or label, or why it cannot be used.

    Args:
        root: the data set's folder.
        folder: below the root, with forward slashes; ``"."`` is the root itself.
        name: of the file, perhaps with folders before it, as somebody wrote it.
        image_id: what to call the picture.
    """
    file = (PurePosixPath(folder) / name).as_posix()
    if _shown(file) != file:
        # lone surrogates, which the system makes of bytes that are no UTF-8: no table can hold them
        return _reject(None, file, "unreadable name", "has a name that is not text")
    if not is_picture(name):
        return _reject(None, file, "not a picture", "has no suffix of a picture")
    foreign = PureWindowsPath(name)  # knows both slashes and drives
    if "\0" in name or foreign.anchor or ".." in foreign.parts or not is_inside(root, file):
        return _reject(image_id, file, "outside the data set", "leads out of the data set")
    try:
        found = (root / file).stat()
    except OSError as error:
        if os.path.lexists(root / file):
            return _reject(image_id, file, "not a plain file", f"is a broken link or locked: {error.strerror}")
        return _reject(image_id, file, "missing picture", "is not there")
    if not stat.S_ISREG(found.st_mode):
        return _reject(image_id, file, "not a plain file", "is a folder or a device")
    if found.st_size == 0:
        return _reject(image_id, file, "empty file", "is empty")
    return ImageRecord(image_id, None, None, file, 0, found.st_size)


def is_inside(root: Path, file: str) -> bool:
    """Say whether a file below the root is still there once all links are followed."""
    return Path(os.path.realpath(root / file)).is_relative_to(os.path.realpath(root))


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file that are not blank, stripped; what is no UTF-8 in them is replaced.

    Raises:
        DatasetError: there is no such file, or this user may not read it.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            yield from filter(None, map(str.strip, stream))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}): the data set needs it.") from error


def inclusive_box(corners: Sequence[str]) -> tuple[float, float, float, float]:
    """Return the half-open box of the words ``xmin, ymin, xmax, ymax``, 0-based inclusive pixels.

    Raises:
        ValueError: they are not four finite numbers.
    """
    values = [float(word) for word in corners]
    if len(values) != 4 or not all(map(math.isfinite, values)):
        raise ValueError(f"{' '.join(corners)!r} is not four finite numbers")
    return boxes.from_inclusive((values[0], values[1], values[2], values[3]))


def _class_folders(train: Path) -> list[str]:
    listing = _listed(train)
    return sorted([*listing.folders, *listing.links])


def _listed(folder: Path) -> Listing:
    try:
        return list_folder(folder)
    except OSError as error:
        raise DatasetError(
            f"The folder {folder} cannot be listed ({error.strerror}): the data set needs it."
        ) from error


def _reject(image_id: str | None, file: str, reason: str, why: str) -> RejectRecord:
    return RejectRecord(image_id, _shown(file), reason, f"{_shown(file)!r} {why}.")


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
