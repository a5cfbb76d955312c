"""Pictures that lists name, each with an XML annotation of its own: what Pascal VOC and ILSVRC DET share.

Lists come from strangers. A name of theirs that could lead out of the folders is rejected, and a picture is
looked up among the names its folder really has.
"""

import os
import re
import stat
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath

from overfeat.errors import DatasetError
from overfeat.readers.annotations import parse_whole_annotation
from overfeat.readers.contents import read_bytes
from overfeat.readers.names import is_picture, stem
from overfeat.readers.records import ImageRecord, ObjectRecord, Record, RejectRecord
from overfeat.readers.tree import list_folder, read_tree

SPLITS = ("train", "val", "test")
PICTURES_A_PART = 5_000
_LONGEST_ANNOTATION = 4 << 20
_FLAG = re.compile(r"[-+]?[0-9]{1,9}")


def list_lines(path: Path) -> list[str]:
    """Return the lines of a list without blank ones, stripped. Raises DatasetError if it cannot be read."""
    try:
        text = path.read_bytes().decode("utf-8-sig", "backslashreplace")
    except OSError as error:
        raise DatasetError(f"The list {path} cannot be read ({error.strerror}).") from error
    return [line for line in map(str.strip, text.splitlines()) if line]


def split_line(line: str) -> tuple[str, int | None]:
    """Return the name in a list's line, and the whole number in a second column if there is one."""
    columns = line.rsplit(None, 1)
    if len(columns) == 2 and _FLAG.fullmatch(columns[1]):
        return columns[0].strip(), int(columns[1])
    return line, None


def list_names(path: Path) -> list[str]:
    """Return the names in a list, each once, in its order. Raises DatasetError if it cannot be read."""
    return list(dict.fromkeys(split_line(line)[0] for line in list_lines(path)))


def separate(lists: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return the names of each split, each name in one alone: train before val before test.

    A picture that was trained on is thus never measured.
    """
    taken: dict[str, str] = {}
    for split in SPLITS:
        for name in lists.get(split, ()):
            taken.setdefault(name, split)
    apart: dict[str, list[str]] = {split: [] for split in SPLITS}
    for name, split in taken.items():
        apart[split].append(name)
    return apart


def part_names(group: str, names: Sequence[str]) -> list[str]:
    """Return the parts in which the pictures of a group are read: ``"group@0"`` and so on."""
    return [f"{group}@{number}" for number in range(-(-len(names) // PICTURES_A_PART))]


def names_of_part(names: Sequence[str], number: int) -> Sequence[str]:
    """Return the names of part ``number``, which counts from 0; none if there is no such part."""
    return names[number * PICTURES_A_PART : (number + 1) * PICTURES_A_PART]


@dataclass(frozen=True, slots=True)
class AnnotatedTree:
    """A folder of pictures and one of annotations, in which a picture and its XML have the same name.

    Attributes:
        root: the data set's folder.
        pictures, annotations: the two folders, below the root, with forward slashes.
        first_pixel: the number of the first pixel in the XML, 0 or 1.
        prefix: what an image id has before the name in the list.
        deep: names may have folders in them, as in ``"n01443537/n01443537_2"``.
    """

    root: Path
    pictures: str
    annotations: str
    first_pixel: int
    prefix: str = ""
    deep: bool = False

    def read(self, names: Iterable[str], split: str, may_lack: Container[str] = ()) -> Iterator[Record]:
        """Yield each picture with its objects behind it, or the reject of it.

        Args:
            names: pictures without their suffix; of several that differ in it, the first by name is taken.
            split: the pictures' split.
            may_lack: names of pictures that are kept without objects if they have no annotation; others
                without one are rejected. An annotation that is there has to be sound in any case.
        """
        seen: dict[str, dict[str, ImageRecord | RejectRecord]] = {}
        for name in names:
            picture = self._find(name, seen)
            if isinstance(picture, RejectRecord):
                yield picture
                continue
            objects = self._objects(name, name in may_lack)
            if isinstance(objects, RejectRecord):
                yield objects
                continue
            yield replace(picture, split=split)
            yield from objects

    def names_in(self, folder: str = "") -> list[str]:
        """Return the pictures' names in one folder below that of the pictures; none if it cannot be listed."""
        if folder and not self._stays_inside(folder):
            return []
        try:
            files = list_folder(self.root / self.pictures / folder).files
        except OSError:
            return []
        names = dict.fromkeys(_join(folder, stem(file)) for file in files if is_picture(file))
        # what is not UTF-8 comes with lone surrogates, which no table holds; with a backslash it is a bad name
        return [name.encode("utf-8", "backslashreplace").decode("utf-8") for name in names]

    def folders(self) -> list[str]:
        """Return all folders in that of the pictures and ``""``, which is itself, each before those in it."""
        found, waiting = [], [""]
        while waiting:
            folder = waiting.pop()
            found.append(folder)
            try:
                inside = list_folder(self.root / self.pictures / folder).folders
            except OSError:
                continue
            waiting += [_join(folder, name) for name in reversed(inside)]
        return found

    def labels(self, names: Iterable[str]) -> set[str]:
        """Return the labels of all objects in the annotations of the pictures so named."""
        found: set[str] = set()
        for name in names:
            objects = self._objects(name, may_lack=True) if self._stays_inside(name) else []
            if not isinstance(objects, RejectRecord):
                found.update(record.label for record in objects if isinstance(record, ObjectRecord))
        return found

    def _find(self, name: str, seen: dict[str, dict[str, ImageRecord | RejectRecord]]) -> ImageRecord | RejectRecord:
        """Return the picture so named. ``seen`` holds the folders listed so far, by name without suffix."""
        image_id = self.prefix + name
        if not self._stays_inside(name):
            detail = f"{name!r} in a list is no name of a picture in {self.pictures}: it could lead out of it."
            return RejectRecord(image_id, self.pictures, "bad name", detail)
        below, _, base = name.rpartition("/")
        folder = _join(self.pictures, below)
        if folder not in seen:
            seen[folder] = self._pictures(folder)
        picture = seen[folder].get(base)
        if picture is None:
            detail = f"There is no picture {name!r} in {folder} (links out of the data set are not followed)."
            return RejectRecord(image_id, f"{folder}/{base}", "missing picture", detail)
        return replace(picture, image_id=image_id)

    def _stays_inside(self, name: str) -> bool:
        steps = name.split("/")
        plain = not {"", ".", ".."} & set(steps) and not PureWindowsPath(name).drive
        return plain and "\\" not in name and "\0" not in name and (self.deep or len(steps) == 1)

    def _pictures(self, folder: str) -> dict[str, ImageRecord | RejectRecord]:
        # read_tree refuses links inside the folder; the folder itself, or one above it, may be one too
        if not Path(os.path.realpath(self.root / folder)).is_relative_to(os.path.realpath(self.root)):
            return {}
        found: dict[str, ImageRecord | RejectRecord] = {}
        for record in read_tree(self.root, folder, deep=False):
            if is_picture(record.file):
                found.setdefault(stem(record.file), record)
        return found

    def _objects(self, name: str, may_lack: bool) -> list[ObjectRecord | RejectRecord] | RejectRecord:
        """Return what the annotation of a picture says, or the reject of the picture."""
        image_id, file = self.prefix + name, f"{self.annotations}/{name}.xml"
        try:
            status = (self.root / file).stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST_ANNOTATION:
                detail = f"{file!r} is no plain file, or far longer than an annotation needs to be."
                return RejectRecord(image_id, file, "unreadable annotation", detail)
            xml = read_bytes(self.root, file, 0, status.st_size)
        except (FileNotFoundError, NotADirectoryError):
            detail = f"There is no {file}: without it, {image_id!r} would pass for a picture without objects."
            return [] if may_lack else RejectRecord(image_id, file, "no annotation", detail)
        except OSError as error:
            return RejectRecord(image_id, file, "unreadable annotation", f"{file!r} cannot be read: {error.strerror}.")
        except DatasetError as error:
            return RejectRecord(image_id, file, "unreadable annotation", str(error))
        return parse_whole_annotation(xml, image_id, file, self.first_pixel)


def _join(folder: str, name: str) -> str:
    return "/".join(filter(None, (folder, name)))
