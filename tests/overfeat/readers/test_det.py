"""The reader of ILSVRC DET: lists of each class, pictures without objects, and trees without lists."""

import os

import numpy as np
import pytest
from scipy.io import savemat

from overfeat.errors import DatasetError
from overfeat.readers import ClassRecord, ImageRecord, ObjectRecord, RejectRecord, listed
from overfeat.readers.det import DetReader

CAT, DOG, EEL = "n02121808", "n02084071", "n01439121"
CAT_0, OLD_0 = f"ILSVRC2013_train/{CAT}/{CAT}_0", f"ILSVRC2013_train/{DOG}/{DOG}_7"
NEW_1, EXTRA_1 = "ILSVRC2014_train_0000/ILSVRC2014_train_00000001", "ILSVRC2013_train_extra0/ILSVRC2013_train_00000001"
VAL_1, VAL_2, TEST_1 = "ILSVRC2012_val_00000001", "ILSVRC2012_val_00000002", "ILSVRC2012_test_00000001"


class Det:
    """A tree that a test fills."""

    def __init__(self, root, build):
        self.root, self.build, self.below = root, build, ""

    def write(self, name, content):
        path = self.root / self.below / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def picture(self, split, name, *objects, xml=True):
        self.write(f"Data/DET/{split}/{name}.JPEG", self.build.picture("x"))
        if xml:
            boxes = [self.build.object(label, 0, 1, 9, 7) for label in objects]
            self.write(f"Annotations/DET/{split}/{name}.xml", self.build.xml(*boxes))

    def list(self, name, *lines):
        self.write(f"ImageSets/DET/{name}.txt", "".join(f"{line}\n" for line in lines))

    def fill(self):
        """Write five training pictures, two for validation, and one for testing, and their lists."""
        self.picture("train", CAT_0, CAT, CAT)
        self.picture("train", OLD_0, DOG)
        self.picture("train", NEW_1)
        self.picture("train", EXTRA_1, xml=False)
        self.picture("val", VAL_1, DOG)
        self.picture("val", VAL_2)
        self.picture("test", TEST_1, xml=False)
        self.list("train_1", f"{CAT_0} 1", f"{OLD_0} -1", f"{NEW_1} -1", f"{EXTRA_1} -1")
        self.list("train_2", f"{CAT_0} -1", f"{OLD_0} 0", f"{EXTRA_1} -1")
        self.list("val", f"{VAL_1} 1", f"{VAL_2} 2")
        self.list("test", f"{TEST_1} 1")
        return self

    def unlist(self):
        for path in (self.root / self.below / "ImageSets/DET").iterdir():
            path.unlink()

    def records(self):
        return [record for part in DetReader(self.root).parts() for record in DetReader(self.root).read(part)]

    def splits(self):
        return {record.image_id: record.split for record in self.records() if isinstance(record, ImageRecord)}

    def rejects(self):
        return [(record.image_id, record.reason) for record in self.records() if isinstance(record, RejectRecord)]

    def labels(self):
        return [record.label for record in DetReader(self.root).classes()]


ALL = {EXTRA_1: "train", CAT_0: "train", OLD_0: "train", NEW_1: "train", VAL_1: "val", VAL_2: "val", TEST_1: "test"}


@pytest.fixture
def empty(tmp_path, build):
    return Det(tmp_path, build)


@pytest.fixture
def det(empty):
    return empty.fill()


@pytest.mark.parametrize("below", ["", "ILSVRC/"])
def test_a_picture_in_any_list_is_read_with_its_objects(empty, below):
    empty.below = below
    empty.fill()
    assert DetReader.recognises(empty.root)
    assert DetReader(empty.root).parts() == ["train@0", "val@0", "test@0"]
    train = f"{below}Data/DET/train"
    assert empty.records() == [
        ImageRecord(OLD_0, "train", None, f"{train}/{OLD_0}.JPEG", 0, 42),
        ObjectRecord(OLD_0, DOG, 0, 1, 10, 8),
        ImageRecord(CAT_0, "train", None, f"{train}/{CAT_0}.JPEG", 0, 42),
        ObjectRecord(CAT_0, CAT, 0, 1, 10, 8),
        ObjectRecord(CAT_0, CAT, 0, 1, 10, 8),
        ImageRecord(EXTRA_1, "train", None, f"{train}/{EXTRA_1}.JPEG", 0, 42),
        ImageRecord(NEW_1, "train", None, f"{train}/{NEW_1}.JPEG", 0, 42),
        ImageRecord(VAL_1, "val", None, f"{below}Data/DET/val/{VAL_1}.JPEG", 0, 42),
        ObjectRecord(VAL_1, DOG, 0, 1, 10, 8),
        ImageRecord(VAL_2, "val", None, f"{below}Data/DET/val/{VAL_2}.JPEG", 0, 42),
        ImageRecord(TEST_1, "test", None, f"{below}Data/DET/test/{TEST_1}.JPEG", 0, 42),
    ]


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        ({"train_1": "-1"}, True),
        ({"train_1": "-1", "train_2": "-1"}, True),
        ({"train_1": "-1", "train": "1"}, True),
        ({"train_1": "-1", "train_2": "1"}, False),
        ({"train_1": "-1", "train_2": "0"}, False),
        ({"train_1": "1"}, False),
        ({"train_1": "0"}, False),
        ({"train_1": ""}, False),
        ({"train": "-1"}, False),
    ],
)
def test_a_negative_alone_may_have_no_annotation(empty, flags, kept):
    empty.picture("train", CAT_0, CAT)
    empty.picture("train", NEW_1, xml=False)
    for name, flag in flags.items():
        empty.list(name, f"{CAT_0} 1", f"{NEW_1} {flag}")
    assert (NEW_1 in empty.splits()) is kept
    assert empty.rejects() == ([] if kept else [(NEW_1, "no annotation")])


def test_the_objects_of_a_negative_are_kept(det):
    det.picture("train", NEW_1, EEL)
    assert [r.label for r in det.records() if isinstance(r, ObjectRecord) and r.image_id == NEW_1] == [EEL]


def test_a_validation_picture_without_annotation_is_rejected(det):
    (det.root / f"Annotations/DET/val/{VAL_2}.xml").unlink()
    (det.root / f"Annotations/DET/train/{NEW_1}.xml").write_bytes(b"<annotation>")
    assert det.rejects() == [(NEW_1, "unsound annotation"), (VAL_2, "no annotation")]


def test_a_picture_in_several_lists_counts_for_the_first(det):
    det.list("test", f"{TEST_1} 1", f"{VAL_1} 2", f"{CAT_0} 3")
    det.list("val", f"{VAL_1} 1", f"{VAL_2} 2", f"{NEW_1} 3")
    assert det.splits() == ALL


def test_the_list_of_all_training_pictures_may_be_there_alone(det):
    for number in (1, 2):
        (det.root / f"ImageSets/DET/train_{number}.txt").unlink()
    det.list("train", f"{OLD_0} 1", f"{CAT_0} 2")
    assert [image for image, split in det.splits().items() if split == "train"] == [OLD_0, CAT_0]


def test_names_that_lead_out_are_rejected(det):
    det.list("train_3", "../val/x 1", f"{CAT_0}/../x -1")
    det.write("Data/DET/val/x.JPEG", b"x")
    assert det.rejects() == [("../val/x", "bad name"), (f"{CAT_0}/../x", "bad name")]
    assert det.splits() == ALL


def test_a_split_whose_pictures_are_not_there_is_left_out(det):
    (det.root / f"Data/DET/test/{TEST_1}.JPEG").unlink()
    (det.root / "Data/DET/test").rmdir()
    assert DetReader(det.root).parts() == ["train@0", "val@0"]
    with pytest.raises(DatasetError, match="not a part"):
        DetReader(det.root).read("test@0")


def test_without_lists_the_tree_is_read(det):
    det.unlist()
    det.picture("train", "loose", CAT)
    assert DetReader(det.root).parts() == [
        "train@0",
        f"train/ILSVRC2013_train/{DOG}@0",
        f"train/ILSVRC2013_train/{CAT}@0",
        "train/ILSVRC2013_train_extra0@0",
        "train/ILSVRC2014_train_0000@0",
        "val@0",
        "test@0",
    ]
    assert det.splits() == ALL | {"loose": "train"}
    assert det.rejects() == []
    assert det.labels() == [DOG, CAT]


def test_without_lists_only_the_folders_of_negatives_may_lack_annotations(det):
    det.unlist()
    for name in (f"train/{NEW_1}", f"train/{CAT_0}", f"val/{VAL_1}"):
        (det.root / f"Annotations/DET/{name}.xml").unlink()
    assert det.rejects() == [(CAT_0, "no annotation"), (NEW_1, "no annotation"), (VAL_1, "no annotation")]
    assert EXTRA_1 in det.splits()


@pytest.mark.parametrize("lists", [True, False])
def test_parts_are_of_bounded_size(det, lists, monkeypatch):
    if not lists:
        det.unlist()
    det.picture("val", "ILSVRC2012_val_00000003", CAT)
    whole = det.records()
    monkeypatch.setattr(listed, "PICTURES_A_PART", 1)
    wanted = ["val@0", "val@1", "test@0"] if lists else ["val@1", "val@2", "test@0"]
    assert DetReader(det.root).parts()[-3:] == wanted
    assert det.records() == whole
    for part in DetReader(det.root).parts():
        assert sum(isinstance(record, ImageRecord) for record in DetReader(det.root).read(part)) == 1


def test_a_part_opens_no_folder_but_its_own(det, monkeypatch):
    det.list("val", f"{VAL_1} 1")
    opened = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: opened.append(str(folder)) or scandir(folder))
    assert len(list(DetReader(det.root).read("val@0"))) == 2
    assert {path for path in opened if "/Data/" in path} == {str(det.root / "Data/DET/val")}
    assert not [path for path in opened if "/Annotations/" in path]


def test_changed_lists_are_read_again(det):
    assert det.splits() == ALL
    det.list("val", f"{VAL_2} 1")
    os.utime(det.root / "ImageSets/DET/val.txt", ns=(1, 1))
    assert VAL_1 not in det.splits()


@pytest.mark.parametrize(
    "part",
    ["", "train", "train@1", "train/ILSVRC2013_train@0", "trainval@0", "val/../train@0", "val/@0", "/etc@0"],
)
@pytest.mark.parametrize("lists", [True, False])
def test_an_unknown_part_is_refused(det, part, lists):
    if not lists:
        det.unlist()
        det.picture("train", "loose")
    with pytest.raises(DatasetError, match="not a part"):
        DetReader(det.root).read(part)


def test_without_a_devkit_the_classes_are_those_of_the_annotations(det):
    det.picture("val", "ILSVRC2012_val_00000009", EEL)
    assert DetReader(det.root).classes() == [ClassRecord(DOG, DOG), ClassRecord(CAT, CAT)]


@pytest.mark.parametrize("folder", ["", "data/", "devkit/data/", "ILSVRC2015_devkit/data/"])
@pytest.mark.parametrize("below", ["", "ILSVRC/"])
def test_the_devkit_names_the_classes(empty, folder, below):
    empty.write(f"{folder}map_det.txt", f"{CAT} 1 domestic cat\r\n{EEL} 3 eel\r\n\r\n{DOG} 2 dog\r\nnothing\r\n")
    empty.below = below
    empty.fill()
    assert DetReader(empty.root).classes() == [
        ClassRecord(EEL, "eel"),
        ClassRecord(DOG, "dog"),
        ClassRecord(CAT, "domestic cat"),
    ]


def table(*rows):
    synsets = np.empty((1, len(rows)), dtype=[(f, object) for f in ("ILSVRC2015_DET_ID", "WNID", "name")])
    synsets[0, :] = list(rows)
    return {"synsets": synsets}


@pytest.mark.parametrize("count", [1, 2])
def test_the_devkits_table_names_the_classes(det, count):
    (det.root / "devkit").mkdir()
    rows = [(1, CAT, "domestic cat"), (2, DOG, "dog")][:count]
    savemat(det.root / "devkit/meta_det.mat", table(*rows))
    records = [ClassRecord(DOG, "dog"), ClassRecord(CAT, "domestic cat")]
    assert DetReader(det.root).classes() == records[-count:]


def test_parents_behind_the_classes_of_the_table_are_no_classes(det):
    rows = [(number, f"n{number:08d}", f"class {number}") for number in range(1, 203)]
    savemat(det.root / "meta_det.mat", table(*rows))
    assert det.labels() == [f"n{number:08d}" for number in range(1, 201)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("map_det.txt", b"accordion\n", "names no class"),
        ("meta_det.mat", b"no table", "meta_det.mat cannot be read"),
    ],
)
def test_a_damaged_devkit_is_named(det, name, content, message):
    det.write(name, content)
    with pytest.raises(DatasetError, match=message):
        DetReader(det.root).classes()


def test_what_is_missing_is_named(tmp_path, empty):
    with pytest.raises(DatasetError, match=f"no picture in Data/DET of {tmp_path}.*ImageSets/DET"):
        DetReader(tmp_path).parts()
    assert DetReader(tmp_path).classes() == []
    empty.picture("val", VAL_1, xml=False)
    with pytest.raises(DatasetError, match=r"no .*Annotations/DET/val"):
        DetReader(tmp_path).parts()


@pytest.mark.parametrize(
    ("folder", "recognised"),
    [("Data/DET", True), ("ILSVRC/Data/DET/val", True), ("Data/VID", False), ("DET", False)],
)
def test_recognises(tmp_path, folder, recognised):
    (tmp_path / folder).mkdir(parents=True)
    assert DetReader.recognises(tmp_path) is recognised
