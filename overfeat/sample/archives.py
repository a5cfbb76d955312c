"""Write pictures as the five archives of ILSVRC2012, with the names and layout of the release."""

import io
from collections.abc import Iterable
from pathlib import Path

from overfeat.sample.digits import Picture
from overfeat.sample.encoding import annotate, encode
from overfeat.sample.fixed_tars import add, open_tar
from overfeat.sample.synsets import number_of, synset_of, synset_table

TRAIN = "ILSVRC2012_img_train.tar"
VAL = "ILSVRC2012_img_val.tar"
BOXES = {"train": "ILSVRC2012_bbox_train_v2.tar.gz", "val": "ILSVRC2012_bbox_val_v3.tgz"}
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"

_README = b"""Handwritten digits on photographs, in the layout of the ILSVRC2012 CLS-LOC release.

Not ImageNet: ten made-up synsets, the digits zero to nine, one a picture. Boxes are 0-based inclusive pixels.
"""


def write_train(folder: Path, pictures: Iterable[tuple[int, Iterable[Picture]]]) -> list[int]:
    """Write the training archive, a tar of one tar for each digit, and its box archive.

    Args:
        folder: where to write; it exists.
        pictures: the digits 0 to 9, each with its pictures.

    Returns:
        The number of pictures of each digit.
    """
    counts = []
    with open_tar(folder / TRAIN) as outer, open_tar(folder / BOXES["train"]) as boxes:
        for digit, own in pictures:
            synset, count, inner = synset_of(digit), 0, io.BytesIO()
            with open_tar(inner) as images:
                for count, picture in enumerate(own, start=1):
                    name = f"{synset}_{count - 1}"
                    add(images, f"{name}.JPEG", encode(picture.image))
                    add(boxes, f"{synset}/{name}.xml", annotate(picture.image, [(digit, picture.box)], synset, name))
            add(outer, f"{synset}.tar", inner.getvalue())
            counts.append(count)
    return counts


def write_val(folder: Path, pictures: Iterable[Picture]) -> list[int]:
    """Write the validation archive and its box archive; return the digits in the order of the pictures."""
    digits = []
    with open_tar(folder / VAL) as images, open_tar(folder / BOXES["val"]) as boxes:
        for number, picture in enumerate(pictures, start=1):
            name = f"ILSVRC2012_val_{number:08d}"
            add(images, f"{name}.JPEG", encode(picture.image))
            add(boxes, f"val/{name}.xml", annotate(picture.image, [(picture.digit, picture.box)], "val", name))
            digits.append(picture.digit)
    return digits


def write_devkit(folder: Path, train_counts: list[int], val_digits: list[int]) -> None:
    """Write the devkit: the synsets, and the class of each validation picture."""
    base = "ILSVRC2012_devkit_t12"
    truth = "".join(f"{number_of(digit)}\n" for digit in val_digits)
    with open_tar(folder / DEVKIT) as devkit:
        add(devkit, f"{base}/readme.txt", _README)
        add(devkit, f"{base}/data/meta.mat", synset_table(train_counts))
        add(devkit, f"{base}/data/ILSVRC2012_validation_ground_truth.txt", truth.encode())
