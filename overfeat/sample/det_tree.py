"""Write pictures of several digits, or none, as the tree of files of ILSVRC DET, with its names."""

from collections.abc import Iterable
from pathlib import Path

from overfeat.errors import DatasetError
from overfeat.sample.encoding import annotate, encode
from overfeat.sample.scenes import Scene
from overfeat.sample.sources import DIGITS
from overfeat.sample.synsets import detection_number_of, name_of, synset_of

ROOT = "ILSVRC"
TRAIN, EMPTY = "ILSVRC2013_train", "ILSVRC2013_train_extra0"
CLASSES = "devkit/data/map_det.txt"

_IMAGES = "Data/DET"
_ANNOTATIONS = "Annotations/DET"
_LISTS = "ImageSets/DET"


def make_root(folder: Path) -> Path:
    """Make the folder of the tree below ``folder``, and return it.

    Raises:
        DatasetError: it is there already. Nothing is replaced: it may be somebody's ImageNet, and a picture left
            over from an earlier tree would pass for one of the new.
    """
    root = folder / ROOT
    try:
        root.mkdir(parents=True)
    except FileExistsError as error:
        raise DatasetError(
            f"{root} exists already, and the detection sample goes into a new folder only: "
            "choose another one, or remove this one if nothing in it is needed."
        ) from error
    return root


def write_train(root: Path, scenes: Iterable[Scene]) -> None:
    """Write the training pictures, their annotations and the list of each class.

    A picture lies in the folder of one of its digits, as in the release, and one without a digit among the extra
    pictures, with no annotation. The list of a class names the pictures that show it, flag 1, and all those without
    a digit, flag -1; pictures of other digits alone are not named, though none of them shows it either.

    Args:
        root: the folder of the tree.
        scenes: the pictures in the order of their indices, 0 first, by which they are named.
    """
    lists: list[list[str]] = [[] for _ in range(DIGITS)]
    for index, scene in enumerate(scenes):
        shown = {thing.digit for thing in scene.digits}
        if scene.digits:
            synset = synset_of(scene.digits[0].digit)
            path = f"{TRAIN}/{synset}/{synset}_{index}"
        else:
            path = f"{EMPTY}/{TRAIN}_{index + 1:08d}"
        _write_scene(root, "train", path, scene, annotated=bool(scene.digits))
        for digit, lines in enumerate(lists):
            if digit in shown or not shown:
                lines.append(f"{path} {1 if shown else -1}\n")
    for digit, lines in enumerate(lists):
        _write(root / _LISTS / f"train_{detection_number_of(digit)}.txt", "".join(lines).encode())


def write_val(root: Path, scenes: Iterable[Scene]) -> None:
    """Write the validation pictures, the annotation of each, even of an empty one, and the list of them."""
    lines = []
    for number, scene in enumerate(scenes, start=1):
        name = f"ILSVRC2012_val_{number:08d}"
        _write_scene(root, "val", name, scene, annotated=True)
        lines.append(f"{name} {number}\n")
    _write(root / _LISTS / "val.txt", "".join(lines).encode())


def write_classes(root: Path) -> None:
    """Write the devkit's table of classes: a line each of synset, number and name."""
    lines = (f"{synset_of(digit)} {detection_number_of(digit)} {name_of(digit)}\n" for digit in range(DIGITS))
    _write(root / CLASSES, "".join(lines).encode())


def _write_scene(root: Path, split: str, path: str, scene: Scene, annotated: bool) -> None:
    """Write the JPEG of a picture and, if asked to, its XML. ``path`` is below the split's folder, no suffix."""
    _write(root / _IMAGES / split / f"{path}.JPEG", encode(scene.image))
    if annotated:
        place = Path(split, path)
        objects = [(thing.digit, thing.box) for thing in scene.digits]
        xml = annotate(scene.image, objects, place.parent.name, place.name)
        _write(root / _ANNOTATIONS / f"{place}.xml", xml)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
