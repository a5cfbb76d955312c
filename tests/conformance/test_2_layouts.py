"""SPEC 2: one picture and its object, as each layout distributes them, become the same records."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from overfeat.readers import READERS, ImageRecord, ObjectRecord, Record, open_dataset, read_bytes

CAT = "n00000002"
PICTURE = b"\xff\xd8 a picture"
BOX = (2.0, 3.0, 8.0, 9.0)


def write(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def tar(**members: bytes | str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in members.items():
            data = content if isinstance(content, bytes) else content.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def xml(*corners: int) -> str:
    names = ("xmin", "ymin", "xmax", "ymax")
    box = "".join(f"<{name}>{at}</{name}>" for name, at in zip(names, corners, strict=True))
    return f"<annotation><object><name>{CAT}</name><bndbox>{box}</bndbox></object></annotation>"


def ilsvrc2012(root: Path) -> None:
    synsets = np.empty((1, 1), dtype=[(name, object) for name in ("ILSVRC2012_ID", "WNID", "words", "num_children")])
    synsets[0, 0] = (1, CAT, "cat", 0)
    meta = io.BytesIO()
    savemat(meta, {"synsets": synsets})
    truth = {"kit/data/meta.mat": meta.getvalue(), "kit/data/ILSVRC2012_validation_ground_truth.txt": "1\n"}
    write(root / "ILSVRC2012_devkit_t12.tar.gz", gzip.compress(tar(**truth)))
    write(root / "ILSVRC2012_img_train.tar", tar(**{f"{CAT}.tar": tar(**{f"{CAT}_1.JPEG": PICTURE})}))
    write(root / "ILSVRC2012_img_val.tar", tar(**{"ILSVRC2012_val_00000001.JPEG": PICTURE}))
    for file, name in (("train_v2.tar.gz", f"{CAT}/{CAT}_1.xml"), ("val_v3.tgz", "val/ILSVRC2012_val_00000001.xml")):
        write(root / f"ILSVRC2012_bbox_{file}", gzip.compress(tar(**{name: xml(2, 3, 7, 8)})))


def kaggle(root: Path) -> None:
    for name in (f"train/{CAT}/{CAT}_1", "val/ILSVRC2012_val_00000001"):
        write(root / f"ILSVRC/Data/CLS-LOC/{name}.JPEG", PICTURE)
    write(root / "LOC_synset_mapping.txt", f"{CAT} cat\n")
    for split, name in (("train", f"{CAT}_1"), ("val", "ILSVRC2012_val_00000001")):
        write(root / f"LOC_{split}_solution.csv", f"ImageId,PredictionString\n{name},{CAT} 2 3 7 8 \n")


def det(root: Path) -> None:
    for split in ("train", "val"):
        write(root / f"ImageSets/DET/{split}.txt", f"{split}_1 1\n")
        write(root / f"Data/DET/{split}/{split}_1.JPEG", PICTURE)
        write(root / f"Annotations/DET/{split}/{split}_1.xml", xml(2, 3, 7, 8))


def voc(root: Path) -> None:
    for split in ("train", "val"):
        write(root / f"ImageSets/Main/{split}.txt", f"{split}_1\n")
        write(root / f"JPEGImages/{split}_1.jpg", PICTURE)
        write(root / f"Annotations/{split}_1.xml", xml(3, 4, 8, 9))  # the first pixel is number 1


def coco(root: Path) -> None:
    for split in ("train", "val"):
        write(root / f"{split}2017/1.jpg", PICTURE)
        image = {"id": 1, "file_name": "1.jpg", "width": 10, "height": 10}
        box = {"id": 1, "image_id": 1, "category_id": 5, "bbox": [2, 3, 6, 6], "iscrowd": 0}
        said = {"images": [image], "annotations": [box], "categories": [{"id": 5, "name": CAT}]}
        write(root / f"annotations/instances_{split}2017.json", json.dumps(said))


def tiny_imagenet(root: Path) -> None:
    write(root / "wnids.txt", f"{CAT}\n")
    write(root / "words.txt", f"{CAT}\tcat\n")
    write(root / f"train/{CAT}/images/{CAT}_1.JPEG", PICTURE)
    write(root / f"train/{CAT}/{CAT}_boxes.txt", f"{CAT}_1.JPEG\t2\t3\t7\t8\n")
    write(root / "val/images/val_1.JPEG", PICTURE)
    write(root / "val/val_annotations.txt", f"val_1.JPEG\t{CAT}\t2\t3\t7\t8\n")


def folder(root: Path) -> None:
    for split in ("train", "val"):
        write(root / f"{split}/{CAT}/1.jpg", PICTURE)


LAYOUTS: tuple[Callable[[Path], None], ...] = (ilsvrc2012, kaggle, det, voc, coco, tiny_imagenet, folder)


def test_there_is_a_reader_for_each_layout() -> None:
    assert len(LAYOUTS) == len(READERS) == 7


@pytest.mark.parametrize("made", LAYOUTS, ids=lambda made: made.__name__)
def test_every_layout_is_recognised_and_becomes_the_same_records(made: Callable[[Path], None], tmp_path: Path) -> None:
    made(tmp_path)
    before = sorted(path for path in tmp_path.rglob("*"))
    reader = open_dataset(tmp_path)
    assert [record.label for record in reader.classes()] == [CAT]
    records: list[Record] = [record for part in reader.parts() for record in reader.read(part)]
    images = {record.image_id: record for record in records if isinstance(record, ImageRecord)}
    assert sorted(image.split or "" for image in images.values()) == ["train", "val"]
    for image in images.values():
        assert read_bytes(tmp_path, image.file, image.offset, image.length) == PICTURE
        assert image.label == (None if made in (det, voc, coco) else CAT)  # labels of whole pictures, or of objects
    objects = [record for record in records if isinstance(record, ObjectRecord)]
    boxes = {thing.image_id: (thing.label, thing.x1, thing.y1, thing.x2, thing.y2) for thing in objects}
    assert boxes == ({} if made is folder else dict.fromkeys(images, (CAT, *BOX)))
    assert len(records) == len(images) + len(objects)  # nothing was left out
    assert sorted(path for path in tmp_path.rglob("*")) == before  # nothing was unpacked
