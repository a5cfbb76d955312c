"""The reader of Kaggle's ILSVRC: where labels and boxes come from, and what damage costs."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.errors import DatasetError
from overfeat.readers import ClassRecord, ImageRecord, ObjectRecord, RejectRecord, loose_files, read_bytes
from overfeat.readers.coco import CocoReader
from overfeat.readers.folder import FolderReader
from overfeat.readers.kaggle import KaggleReader, _from_row
from overfeat.readers.tiny_imagenet import TinyImagenetReader

CAT, DOG = "n00000002", "n00000001"
DATA, XML = "ILSVRC/Data/CLS-LOC", "ILSVRC/Annotations/CLS-LOC"
VAL = "ILSVRC2012_val_0000000"


class Made:
    """The folder of the competition with two cats, a dog, three validation pictures and a test picture."""

    def __init__(self, root):
        self.root = root
        for name in (f"train/{CAT}/{CAT}_1", f"train/{CAT}/{CAT}_2", f"train/{DOG}/{DOG}_1", "test/ILSVRC2012_test_1"):
            self.file(f"{DATA}/{name}.JPEG", name)
        for number in (3, 1, 2):
            self.file(f"{DATA}/val/{VAL}{number}.JPEG", f"val {number}")
        self.file("ILSVRC/ImageSets/CLS-LOC/train_cls.txt", "not read")
        self.file("LOC_sample_submission.csv", "not read")
        self.file("LOC_synset_mapping.txt", f"{CAT} cat, true cat\n{DOG} dog\n")
        self.solution("train", f"{CAT}_2,{CAT} 0 1 8 9 {DOG} 2 2 2 2")
        self.solution("val", f"{VAL}1,{CAT} 1 2 3 4 {CAT} 0 0 9 9 ", f"{VAL}2,{DOG} 0 0 1 1 ", f"{VAL}3,{CAT} 0 0 1 1 ")

    def file(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def solution(self, split, *rows, end="\n"):
        self.file(f"LOC_{split}_solution.csv", end.join(["ImageId,PredictionString", *rows, ""]))

    def records(self, only=""):
        parts = [part for part in KaggleReader(self.root).parts() if part.startswith(only)]
        return [record for part in parts for record in KaggleReader(self.root).read(part)]

    def images(self, only=""):
        found = [record for record in self.records(only) if isinstance(record, ImageRecord)]
        return [(record.image_id, record.split, record.label) for record in found]

    def objects(self, only=""):
        return [record for record in self.records(only) if isinstance(record, ObjectRecord)]

    def rejects(self, only=""):
        found = [record for record in self.records(only) if isinstance(record, RejectRecord)]
        return [(record.image_id, record.reason) for record in found]


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path)


def test_the_whole(made):
    assert KaggleReader(made.root).parts() == [f"train/{DOG}", f"train/{CAT}", "val@0", "test@0"]
    assert KaggleReader(made.root).classes() == [ClassRecord(DOG, "dog"), ClassRecord(CAT, "cat, true cat")]
    assert made.images() == [
        (f"{DOG}_1", "train", DOG),
        (f"{CAT}_1", "train", CAT),
        (f"{CAT}_2", "train", CAT),
        (f"{VAL}1", "val", CAT),
        (f"{VAL}2", "val", DOG),
        (f"{VAL}3", "val", CAT),
        ("ILSVRC2012_test_1", "test", None),
    ]
    assert made.objects("train") == [
        ObjectRecord(f"{CAT}_2", CAT, 0, 1, 9, 10),
        ObjectRecord(f"{CAT}_2", DOG, 2, 2, 3, 3),
    ]
    assert made.objects("val")[:2] == [
        ObjectRecord(f"{VAL}1", CAT, 1, 2, 4, 5),
        ObjectRecord(f"{VAL}1", CAT, 0, 0, 10, 10),
    ]
    assert len(made.objects()) == 6
    assert made.rejects() == []
    for record in made.records(f"train/{DOG}"):
        assert read_bytes(made.root, record.file, record.offset, record.length).decode() == f"train/{DOG}/{DOG}_1"


def test_the_folder_of_the_pictures_may_be_the_root(made):
    whole = made.images()
    for table in ("LOC_synset_mapping.txt", "LOC_val_solution.csv"):
        (made.root / table).rename(made.root / "ILSVRC" / table)
    made.root = made.root / "ILSVRC"
    assert made.images() == whole
    assert KaggleReader.recognises(made.root)
    assert made.objects("train") == []


def test_boxes_come_from_the_xml_alone_where_a_split_has_it(made, build):
    made.file(f"{XML}/train/{CAT}/{CAT}_1.xml", build.xml(build.object(CAT, 4, 4, 5, 5)))
    made.file(f"{XML}/train/{CAT}/{CAT}_9.xml", build.xml(build.object(CAT, 4, 4, 5, 5)))  # of no picture here
    assert made.objects("train") == [ObjectRecord(f"{CAT}_1", CAT, 4, 4, 6, 6)]
    assert len(made.objects("val")) == 4
    made.file(f"{XML}/val/{VAL}2.xml", build.xml(build.object(DOG, 7, 7, 7, 7)))
    assert made.objects("val") == [ObjectRecord(f"{VAL}2", DOG, 7, 7, 8, 8)]
    assert made.rejects() == []
    (made.root / "LOC_train_solution.csv").unlink()
    assert len(made.objects("train")) == 1


def test_an_xml_that_cannot_be_read_costs_its_boxes_alone(made, build, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.xml"
    outside.write_bytes(build.xml(build.object(CAT, 4, 4, 5, 5)))
    made.file(f"{XML}/val/{VAL}1.xml", b"<annotation>")
    made.file(f"{XML}/val/{VAL}2.xml", b" " * (5 << 20))
    (made.root / XML / "val" / f"{VAL}3.xml").symlink_to(outside)
    assert made.rejects() == [(f"{VAL}{number}", "bad annotation") for number in (1, 2, 3)]
    assert len(made.images("val")) == 3
    (made.root / XML / "val" / f"{VAL}2.xml").unlink()
    (made.root / XML / "val" / f"{VAL}2.xml").mkdir()
    assert made.rejects() == [(f"{VAL}{number}", "bad annotation") for number in (1, 2, 3)]


@pytest.mark.parametrize(
    "row", [f"{CAT} 1 2 3", f"{CAT} 1 2 3 4 {CAT}", f"{CAT} 1 2 3 x", f"{CAT} 1 2 3 nan", f"{CAT} 1 2 3 1e999", CAT]
)
def test_a_broken_prediction_costs_the_boxes_of_its_picture_alone(made, row):
    made.solution("val", f"{VAL}1,{row}", f"{VAL}2,{DOG} 0 0 1 1", f"{VAL}3,{CAT} 0 0 1 1")
    assert [label for _, _, label in made.images("val")] == [CAT, DOG, CAT]
    assert [record.image_id for record in made.objects("val")] == [f"{VAL}2", f"{VAL}3"]
    assert made.rejects() == [(f"{VAL}1", "bad annotation")]


@pytest.mark.parametrize("row", [None, "", " ", "n09999999 1 2 3 4", f"1 2 3 4 {CAT}"])
def test_a_validation_picture_without_a_synset_has_no_label(made, row):
    rows = [] if row is None else [f"{VAL}1,{row}"]
    made.solution("val", *rows, f"{VAL}2,{DOG} 0 0 1 1", f"{VAL}3,{CAT} 0 0 1 1", f"{VAL}9,{CAT} 0 0 1 1")
    assert [image_id for image_id, _, _ in made.images("val")] == [f"{VAL}2", f"{VAL}3"]
    assert [record.image_id for record in made.objects("val")] == [f"{VAL}2", f"{VAL}3"]
    assert made.rejects() == [(f"{VAL}1", "no label")]


def test_tables_as_other_systems_and_spreadsheets_write_them(made):
    whole = made.records()
    rows = [f'{VAL}1,"{CAT} 1 2 3 4 {CAT} 0 0 9 9"', f"{VAL}2,{DOG} 0 0 1 1", "", f"{VAL}3,{CAT} 0 0 1 1"]
    made.solution("val", *rows, f"{VAL}1,{DOG} 0 0 1 1", "caf\xe9", end="\r\n")
    table = made.root / "LOC_val_solution.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes() + b"\xff\xfe,\x00")
    made.file("LOC_synset_mapping.txt", f"\ufeff{CAT} cat, true cat\r\n\r\n{DOG} dog\r\n")
    assert made.records() == whole
    assert KaggleReader(made.root).classes() == [ClassRecord(DOG, "dog"), ClassRecord(CAT, "cat, true cat")]


def test_parts_are_of_bounded_size_and_together_the_whole(made, monkeypatch):
    whole = made.records()
    monkeypatch.setattr(loose_files, "PICTURES_A_PART", 2)
    assert KaggleReader(made.root).parts() == [f"train/{DOG}", f"train/{CAT}", "val@0", "val@2", "test@0"]
    assert made.records() == whole


def test_what_is_no_picture_of_its_own_is_rejected_and_hidden_is_ignored(made, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.JPEG").write_bytes(b"secret")
    cats = made.root / DATA / "train" / CAT
    for name in (".DS_Store", "._x.JPEG", "notes.txt", f"{CAT}_2.png"):
        made.file(f"{DATA}/train/{CAT}/{name}", "x")
    (cats / "empty.JPEG").touch()
    (cats / "out.JPEG").symlink_to(outside / "secret.JPEG")
    (cats / "broken.JPEG").symlink_to("nowhere.JPEG")
    os.mkfifo(cats / "pipe.JPEG")
    with open(os.path.join(os.fsencode(cats), b"caf\xe9.JPEG"), "wb") as file:
        file.write(b"x")
    assert [image_id for image_id, _, _ in made.images(f"train/{CAT}")] == [f"{CAT}_1", f"{CAT}_2"]
    assert made.rejects() == [
        ("broken", "not a plain file"),
        (None, "unreadable name"),
        ("empty", "empty file"),
        (f"{CAT}_2", "duplicate picture"),
        (None, "not a picture"),
        ("out", "outside the data set"),
        ("pipe", "not a plain file"),
    ]
    for record in made.records():
        if isinstance(record, RejectRecord):
            assert f"{record.file}{record.detail}".encode()


def test_class_folders_that_are_none_are_rejected_once(made, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.JPEG").write_bytes(b"secret")
    made.file(f"{DATA}/train/n00000009/n00000009_1.JPEG", "x")
    made.file(f"{DATA}/train/.cache/x.JPEG", "x")
    made.file("LOC_synset_mapping.txt", f"{CAT} cat\n{DOG} dog\nn00000003 linked\n")
    (made.root / DATA / "train" / "n00000003").symlink_to(outside)
    rejects = [record for record in made.records() if isinstance(record, RejectRecord)]
    assert [(record.file.rpartition("/")[2], record.reason) for record in rejects] == [
        ("n00000003", "linked folder"),
        ("n00000009", "unknown class"),
    ]
    assert len(made.images()) == 7


def test_a_linked_folder_of_pictures_gives_none(made, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (made.root / DATA / "val").rename(outside / "val")
    (made.root / DATA / "val").symlink_to(outside / "val")
    assert made.images("val") == []
    assert made.rejects() == [(f"{VAL}{number}", "outside the data set") for number in (1, 2, 3)]


@pytest.mark.parametrize("name", ["LOC_synset_mapping.txt", "LOC_val_solution.csv"])
def test_a_missing_table_is_named(made, name):
    (made.root / name).unlink()
    with pytest.raises(DatasetError, match=f"no {name} in {made.root}"):
        KaggleReader(made.root).parts()


def test_training_pictures_alone_need_no_solution(made):
    for path in (made.root / DATA / "val").iterdir():
        path.unlink()
    (made.root / DATA / "val").rmdir()
    (made.root / "LOC_val_solution.csv").unlink()
    assert KaggleReader(made.root).parts() == [f"train/{DOG}", f"train/{CAT}", "test@0"]


def test_no_training_folder(tmp_path, made):
    (made.root / DATA / "train").rename(made.root / "elsewhere")
    with pytest.raises(DatasetError, match="train cannot be listed"):
        KaggleReader(made.root).parts()


def test_validation_pictures_sorted_into_folders(made):
    for path in list((made.root / DATA / "val").iterdir()):
        made.file(f"{DATA}/val/{CAT}/{path.name}", "x")
        path.unlink()
    with pytest.raises(DatasetError, match="holds folders, where pictures were expected"):
        KaggleReader(made.root).parts()


@pytest.mark.parametrize("mapping", ["", "\n\n", f"{CAT} cat\n{CAT} lion\n"])
def test_a_mapping_that_names_no_classes(made, mapping):
    made.file("LOC_synset_mapping.txt", mapping)
    with pytest.raises(DatasetError, match="synsets, "):
        KaggleReader(made.root).classes()


@pytest.mark.parametrize("part", ["", "train", "train/n1", f"train/../train/{CAT}", "val@x", "train@0", "boxes@val"])
def test_an_unknown_part_is_refused(made, part):
    with pytest.raises(DatasetError, match="not a part"):
        KaggleReader(made.root).read(part)


@pytest.mark.parametrize(
    "name",
    [
        "train/cat/a.JPEG",
        "ILSVRC/Data/DET/train/a.JPEG",
        "ILSVRC/Annotations/CLS-LOC/train/a.xml",
        "CLS-LOC/train/n/a.jpg",
    ],
)
def test_other_layouts_are_not_recognised(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).touch()
    assert not KaggleReader.recognises(tmp_path)


def test_recognises(made):
    assert KaggleReader.recognises(made.root)
    assert not CocoReader.recognises(made.root)
    assert not TinyImagenetReader.recognises(made.root)
    assert not FolderReader.recognises(made.root)


CORNER = st.one_of(st.integers(-3, 500), st.floats(-3, 500, width=32))
BOXES = st.lists(st.tuples(st.sampled_from([CAT, DOG]), CORNER, CORNER, CORNER, CORNER))


@given(BOXES)
def test_a_prediction_gives_its_boxes_with_one_pixel_more(boxes):
    row = " ".join(str(word) for one in boxes for word in one)
    expected = [ObjectRecord("x", label, x1, y1, x2 + 1, y2 + 1) for label, x1, y1, x2, y2 in boxes]
    assert list(_from_row("x", row, "table")) == expected


@given(BOXES.filter(len), st.data())
def test_a_prediction_that_lost_words_gives_one_reject(boxes, data):
    words = [str(word) for one in boxes for word in one]
    words = words[: len(words) - data.draw(st.integers(1, 4))]
    (reject,) = _from_row("x", " ".join(words), "table")
    assert (reject.image_id, reject.file, reject.reason) == ("x", "table", "bad annotation")
