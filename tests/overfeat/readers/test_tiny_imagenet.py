"""The reader of Tiny ImageNet: labels, boxes, and what damage costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.errors import DatasetError
from overfeat.readers import ClassRecord, ImageRecord, ObjectRecord, RejectRecord, loose_files, read_bytes
from overfeat.readers.coco import CocoReader
from overfeat.readers.folder import FolderReader
from overfeat.readers.kaggle import KaggleReader
from overfeat.readers.tiny_imagenet import TinyImagenetReader, _objects

CAT, DOG = "n00000002", "n00000001"
TABLE = "val/val_annotations.txt"


class Made:
    """The folder with two cats, a dog, two validation pictures and a test picture."""

    def __init__(self, root):
        self.root = root
        self.top = "tiny-imagenet-200"
        self.file("wnids.txt", f"{CAT}\n{DOG}\n")
        self.file("words.txt", f"{DOG}\tdog, domestic dog\nn00000007\tunused\n{CAT}\tcat\n")
        for name in (f"{CAT}/images/{CAT}_1", f"{CAT}/images/{CAT}_0", f"{DOG}/images/{DOG}_0"):
            self.file(f"train/{name}.JPEG", name)
        self.file(f"train/{CAT}/{CAT}_boxes.txt", f"{CAT}_0.JPEG\t0\t10\t63\t58\n{CAT}_1.JPEG\t5\t5\t5\t5\n")
        self.file(f"train/{DOG}/{DOG}_boxes.txt", f"{DOG}_0.JPEG\t1\t2\t3\t4\n")
        self.file("val/images/val_0.JPEG", "val 0")
        self.file("val/images/val_1.JPEG", "val 1")
        self.file(TABLE, f"val_0.JPEG\t{DOG}\t0\t0\t9\t9\nval_1.JPEG\t{CAT}\t1\t1\t2\t2\n")
        self.file("test/images/test_0.JPEG", "test 0")

    def file(self, name, content):
        path = self.root / self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def path(self, name):
        return self.root / self.top / name

    def records(self, only=""):
        parts = [part for part in TinyImagenetReader(self.root).parts() if part.startswith(only)]
        return [record for part in parts for record in TinyImagenetReader(self.root).read(part)]

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
    assert TinyImagenetReader(made.root).parts() == [f"train/{DOG}", f"train/{CAT}", "val@0", "test@0"]
    assert TinyImagenetReader(made.root).classes() == [ClassRecord(DOG, "dog, domestic dog"), ClassRecord(CAT, "cat")]
    assert made.images() == [
        (f"{DOG}_0", "train", DOG),
        (f"{CAT}_0", "train", CAT),
        (f"{CAT}_1", "train", CAT),
        ("val_0", "val", DOG),
        ("val_1", "val", CAT),
        ("test_0", "test", None),
    ]
    assert made.objects() == [
        ObjectRecord(f"{DOG}_0", DOG, 1, 2, 4, 5),
        ObjectRecord(f"{CAT}_0", CAT, 0, 10, 64, 59),
        ObjectRecord(f"{CAT}_1", CAT, 5, 5, 6, 6),
        ObjectRecord("val_0", DOG, 0, 0, 10, 10),
        ObjectRecord("val_1", CAT, 1, 1, 3, 3),
    ]
    assert made.rejects() == []
    (picture,) = made.records("test")
    assert read_bytes(made.root, picture.file, picture.offset, picture.length) == b"test 0"


def test_the_folder_itself_may_be_the_root(made):
    whole = made.images(), made.objects()
    made.root, made.top = made.root / made.top, ""
    assert TinyImagenetReader.recognises(made.root)
    assert (made.images(), made.objects()) == whole


def test_a_picture_without_a_box_is_kept(made):
    made.file(f"train/{CAT}/{CAT}_boxes.txt", f"{CAT}_1.JPEG\t5\t5\t5\t5\n")
    made.path(f"train/{DOG}/{DOG}_boxes.txt").unlink()
    made.file(TABLE, f"val_0.JPEG\t{DOG}\nval_1.JPEG\t{CAT}\t1\t1\t2\t2\n")
    assert len(made.images()) == 6
    assert [record.image_id for record in made.objects()] == [f"{CAT}_1", "val_1"]
    assert made.rejects() == []


@pytest.mark.parametrize("corners", ["1\t2\t3", "1\t2\t3\tx", "1\t2\t3\tnan", "1\t2\t3\t4\t5", "1 2 3 4"])
def test_a_bad_box_costs_itself_alone(made, corners):
    made.file(f"train/{CAT}/{CAT}_boxes.txt", f"{CAT}_0.JPEG\t{corners}\n{CAT}_1.JPEG\t5\t5\t5\t5\n")
    made.file(TABLE, f"val_0.JPEG\t{DOG}\t{corners}\nval_1.JPEG\t{CAT}\t1\t1\t2\t2\n")
    assert len(made.images()) == 6
    assert [record.image_id for record in made.objects()] == [f"{DOG}_0", f"{CAT}_1", "val_1"]
    assert made.rejects() == [(f"{CAT}_0", "bad annotation"), ("val_0", "bad annotation")]


@pytest.mark.parametrize(
    "line", ["", "val_0.JPEG\n", "val_0.JPEG\tn09999999\t0\t0\t9\t9\n", "val_0.JPEG\t1\t2\t3\t4\n"]
)
def test_a_validation_picture_without_a_class_has_no_label(made, line):
    made.file(TABLE, f"{line}val_1.JPEG\t{CAT}\t1\t1\t2\t2\n../val_2.JPEG\t{CAT}\t1\t1\t2\t2\n")
    assert made.images("val") == [("val_1", "val", CAT)]
    assert made.rejects() == [("val_0", "no label")]


def test_tables_as_other_systems_write_them(made):
    whole = made.records()
    for name in ("wnids.txt", "words.txt", TABLE, f"train/{CAT}/{CAT}_boxes.txt"):
        content = made.path(name).read_bytes().replace(b"\n", b"\r\n")
        again = f"{CAT}\tcat\r\nval_0.JPEG\t{CAT}\r\n" if name != "wnids.txt" else ""
        made.file(name, b"\xef\xbb\xbf" + content + b"\r\n" + again.encode())
    assert made.records() == whole
    made.file("words.txt", made.path("words.txt").read_bytes() + b"n00000007\t\xff\xfe\n")
    assert [record.name for record in TinyImagenetReader(made.root).classes()] == ["dog, domestic dog", "cat"]


def test_parts_are_of_bounded_size_and_together_the_whole(made, monkeypatch):
    whole = made.records()
    monkeypatch.setattr(loose_files, "PICTURES_A_PART", 1)
    assert TinyImagenetReader(made.root).parts()[2:] == ["val@0", "val@1", "test@0"]
    assert made.records() == whole


def test_what_cannot_be_used_is_rejected_and_hidden_is_ignored(made, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.JPEG").write_bytes(b"secret")
    made.file(f"train/{CAT}/images/notes.txt", "x")
    made.file(f"train/{CAT}/images/.DS_Store", "x")
    made.file(f"train/{CAT}/images/{CAT}_5.JPEG", "")
    made.file("train/n00000007/images/x.JPEG", "x")
    made.file(f"train/{DOG}/images/../../../.git/x.JPEG", "x")
    made.path("test/images/out.JPEG").symlink_to(outside / "secret.JPEG")
    assert len(made.images()) == 6
    assert made.rejects() == [
        (f"{CAT}_5", "empty file"),
        (None, "not a picture"),
        (None, "unknown class"),
        ("out", "outside the data set"),
    ]


def test_a_class_folder_without_images_is_listed(made):
    made.path(f"train/{DOG}/images/{DOG}_0.JPEG").unlink()
    made.path(f"train/{DOG}/images").rmdir()
    assert made.rejects() == [(None, "unreadable folder")]


@pytest.mark.parametrize("name", ["wnids.txt", "words.txt", TABLE])
def test_a_missing_list_is_named(made, name):
    made.path(name).unlink()
    with pytest.raises(DatasetError, match=f"no tiny-imagenet-200/{name} in {made.root}"):
        TinyImagenetReader(made.root).parts()


@pytest.mark.parametrize("lines", ["", f"{CAT}\n{DOG}\n{CAT}\n"])
def test_classes_that_are_none_or_twice(made, lines):
    made.file("wnids.txt", lines)
    with pytest.raises(DatasetError, match=r"wnids\.txt lists"):
        TinyImagenetReader(made.root).classes()


def test_a_class_without_words_is_called_by_its_label(made):
    made.file("words.txt", f"{DOG}\tdog\n")
    assert TinyImagenetReader(made.root).classes() == [ClassRecord(DOG, "dog"), ClassRecord(CAT, CAT)]


@pytest.mark.parametrize("part", ["", "train/n1", f"train/{CAT}/images", "val", "val@x", "../val@0"])
def test_an_unknown_part_is_refused(made, part):
    with pytest.raises(DatasetError, match="not a part"):
        TinyImagenetReader(made.root).read(part)


def test_a_part_of_a_split_that_is_not_there_is_refused(made):
    made.path("test").rename(made.root / "elsewhere")
    assert TinyImagenetReader(made.root).parts()[-1] == "val@0"
    with pytest.raises(DatasetError, match="not a part"):
        TinyImagenetReader(made.root).read("test@0")


@pytest.mark.parametrize("missing", ["wnids.txt", "words.txt"])
def test_recognises_all_or_nothing(made, missing):
    assert TinyImagenetReader.recognises(made.root)
    assert not CocoReader.recognises(made.root)
    assert not KaggleReader.recognises(made.root)
    made.path(missing).unlink()
    assert not TinyImagenetReader.recognises(made.root)


def test_a_tree_of_class_folders_is_not_recognised(tmp_path):
    (tmp_path / "train" / CAT).mkdir(parents=True)
    (tmp_path / "train" / CAT / "a.JPEG").touch()
    assert not TinyImagenetReader.recognises(tmp_path)
    assert FolderReader.recognises(tmp_path)


@given(st.lists(st.one_of(st.integers(-5, 70), st.floats(), st.text(max_size=3)), max_size=6))
def test_corners_give_their_box_with_one_pixel_more_or_one_reject(words):
    corners = [str(word) for word in words]
    records = list(_objects("x", CAT, corners, "table"))
    try:
        x1, y1, x2, y2 = map(float, corners)
        good = all(abs(value) < float("inf") for value in (x1, y1, x2, y2))
    except ValueError:
        good = False
    if good:
        assert records == [ObjectRecord("x", CAT, x1, y1, x2 + 1, y2 + 1)]
    else:
        assert [type(record) for record in records] == [RejectRecord] * bool(corners)
