"""The reader of Pascal VOC: one year or several, lists as they are found, and a real set."""

from collections import Counter
from pathlib import Path

import pytest

from overfeat.errors import DatasetError
from overfeat.readers import ImageRecord, ObjectRecord, RejectRecord, listed, read_bytes
from overfeat.readers.voc import VocReader


class Voc:
    """A set that a test fills."""

    def __init__(self, root, build):
        self.root, self.build = root, build

    def write(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def picture(self, name, *objects, year=".", suffix=".jpg", xml=True):
        self.write(f"{year}/JPEGImages/{name}{suffix}", self.build.picture(name))
        if xml:
            boxes = [self.build.object(label, 1, 1, 8, 4) for label in objects]
            self.write(f"{year}/Annotations/{name}.xml", self.build.xml(*boxes))

    def list(self, name, text, year="."):
        self.write(f"{year}/ImageSets/Main/{name}.txt", text)

    def records(self):
        return [record for part in VocReader(self.root).parts() for record in VocReader(self.root).read(part)]

    def splits(self):
        return {record.image_id: record.split for record in self.records() if isinstance(record, ImageRecord)}

    def rejects(self):
        return [(r.image_id, r.file, r.reason) for r in self.records() if isinstance(r, RejectRecord)]

    def labels(self):
        return [record.label for record in VocReader(self.root).classes()]


@pytest.fixture
def voc(tmp_path, build):
    return Voc(tmp_path, build)


@pytest.fixture
def small(voc):
    """Two training pictures, one for validation, one for testing."""
    voc.picture("a", "dog", "cat")
    voc.picture("b")
    voc.picture("c", "cat")
    voc.picture("d", "eel")
    voc.list("train", "b\na\n")
    voc.list("val", "c\n")
    voc.list("test", "d\n")
    return voc


def test_records_come_in_the_order_of_the_lists(small):
    assert VocReader(small.root).parts() == ["train@0", "val@0", "test@0", "unlisted"]
    assert small.records() == [
        ImageRecord("b", "train", None, "JPEGImages/b.jpg", 0, 42),
        ImageRecord("a", "train", None, "JPEGImages/a.jpg", 0, 42),
        ObjectRecord("a", "dog", 0, 0, 8, 4),
        ObjectRecord("a", "cat", 0, 0, 8, 4),
        ImageRecord("c", "val", None, "JPEGImages/c.jpg", 0, 42),
        ObjectRecord("c", "cat", 0, 0, 8, 4),
        ImageRecord("d", "test", None, "JPEGImages/d.jpg", 0, 42),
        ObjectRecord("d", "eel", 0, 0, 8, 4),
    ]
    assert read_bytes(small.root, "JPEGImages/a.jpg", 0, 42) == small.build.picture("a")


def test_lists_may_have_flags_blank_lines_and_any_line_end(small):
    small.list("train", b"b  1\r\n\r\na -1\r\nb  0\r\n")
    assert small.splits() == {"b": "train", "a": "train", "c": "val", "d": "test"}
    assert small.rejects() == []


def test_a_picture_in_several_lists_counts_for_the_first(small):
    small.list("val", "a\nc\n")
    small.list("test", "d\nc\nb\n")
    assert small.splits() == {"b": "train", "a": "train", "c": "val", "d": "test"}


def test_what_trainval_adds_is_for_training(small):
    small.picture("e")
    small.list("trainval", "a\nb\nc\ne\n")
    assert small.splits() == {"b": "train", "a": "train", "e": "train", "c": "val", "d": "test"}
    (small.root / "ImageSets/Main/train.txt").unlink()
    assert small.splits() == {"b": "train", "a": "train", "e": "train", "c": "val", "d": "test"}
    assert small.rejects() == []


def test_a_test_picture_alone_may_have_no_annotation(small):
    for name in "acd":
        (small.root / f"Annotations/{name}.xml").unlink()
    assert small.splits() == {"b": "train", "d": "test"}
    assert small.rejects() == [
        ("a", "Annotations/a.xml", "no annotation"),
        ("c", "Annotations/c.xml", "no annotation"),
    ]
    small.write("Annotations/d.xml", "<annotation>")
    assert small.rejects()[-1] == ("d", "Annotations/d.xml", "unsound annotation")


def test_a_test_set_whose_annotations_are_secret(voc):
    voc.picture("a", xml=False)
    voc.list("test", "a\n")
    assert voc.splits() == {"a": "test"}
    assert voc.labels() == []


def test_names_with_path_characters_are_rejected(small):
    small.write("x.jpg", b"secret")
    small.write("x.xml", "<annotation/>")
    small.list("train", "../x\na\nsub/b\n/etc/passwd\nb\n")
    assert small.splits() == {"a": "train", "b": "train", "c": "val", "d": "test"}
    assert small.rejects() == [(name, "JPEGImages", "bad name") for name in ("../x", "sub/b", "/etc/passwd")]


def test_pictures_in_no_list_are_one_reject(small):
    small.picture("y", xml=False)
    small.picture("x", "gnu", suffix=".png")
    small.write("JPEGImages/Thumbs.db", b"x")
    assert small.splits() == {"b": "train", "a": "train", "c": "val", "d": "test"}
    (reject,) = (record for record in small.records() if isinstance(record, RejectRecord))
    assert (reject.image_id, reject.file, reject.reason) == (None, "JPEGImages", "not listed")
    assert "2 pictures" in reject.detail
    assert small.labels() == ["cat", "dog", "eel"]


@pytest.mark.parametrize("suffix", [".png", ".JPEG", ".bmp"])
def test_other_suffixes_are_found(small, suffix):
    small.picture("z", "cat", suffix=suffix)
    small.list("train", "z\n")
    files = [record.file for record in small.records() if isinstance(record, ImageRecord)]
    assert files[0] == f"JPEGImages/z{suffix}"


def test_parts_of_a_person_and_a_missing_size_are_no_matter(small):
    head = small.build.object("head", 3, 3, 5, 5).replace("object>", "part>")
    person = small.build.object("person", 2, 2, 9, 9, extra=f"<difficult>1</difficult>{head}")
    small.write("Annotations/b.xml", small.build.xml(person))
    objects = [record for record in small.records() if record.image_id == "b" and isinstance(record, ObjectRecord)]
    assert objects == [ObjectRecord("b", "person", 1, 1, 9, 9, difficult=True)]
    assert small.labels() == ["cat", "dog", "eel", "person"]


def test_classes_are_those_with_a_list(small):
    small.list("dog_train", "a 1\n")
    small.list("traffic_light_train", "a -1\n")
    small.list("cat_val", "c 1\n")
    small.list("gnu_trainval", "a -1\n")
    small.list("_train", "")
    assert small.labels() == ["dog", "traffic_light"]
    small.write("Annotations/a.xml", b"not looked at")
    assert small.labels() == ["dog", "traffic_light"]


@pytest.mark.parametrize("devkit", ["", "VOCdevkit/"])
def test_one_year_gives_its_ids_no_prefix(voc, devkit):
    voc.picture("a", "cat", year=f"{devkit}VOC2007")
    voc.list("train", "a\n", year=f"{devkit}VOC2007")
    assert voc.splits() == {"a": "train"}
    assert VocReader(voc.root).parts() == ["train@0", "unlisted"]
    assert [record.file for record in voc.records() if isinstance(record, ImageRecord)] == [
        f"{devkit}VOC2007/JPEGImages/a.jpg"
    ]
    assert VocReader.recognises(voc.root)


def test_several_years_do_not_collide(voc):
    for year, split, label in (("VOC2012", "val", "dog"), ("VOC2007", "train", "cat")):
        voc.picture("a", label, year=year)
        voc.list(split, "a\n", year=year)
    voc.picture("b", "gnu", year="VOC2012")
    voc.list("dog_train", "", year="VOC2012")
    assert VocReader(voc.root).parts() == ["VOC2007/train@0", "VOC2007/unlisted", "VOC2012/val@0", "VOC2012/unlisted"]
    assert voc.records()[:4] == [
        ImageRecord("VOC2007/a", "train", None, "VOC2007/JPEGImages/a.jpg", 0, 42),
        ObjectRecord("VOC2007/a", "cat", 0, 0, 8, 4),
        ImageRecord("VOC2012/a", "val", None, "VOC2012/JPEGImages/a.jpg", 0, 42),
        ObjectRecord("VOC2012/a", "dog", 0, 0, 8, 4),
    ]
    assert voc.rejects() == [(None, "VOC2012/JPEGImages", "not listed")]
    assert voc.labels() == ["cat", "dog"]


def test_parts_are_of_bounded_size(small, monkeypatch):
    whole = small.records()
    monkeypatch.setattr(listed, "PICTURES_A_PART", 1)
    assert VocReader(small.root).parts() == ["train@0", "train@1", "val@0", "test@0", "unlisted"]
    assert small.records() == whole


@pytest.mark.parametrize("part", ["", "train", "train@", "train@1", "VOC2007/train@0", "trainval@0", "../train@0"])
def test_an_unknown_part_is_refused(small, part):
    with pytest.raises(DatasetError, match="not a part"):
        VocReader(small.root).read(part)


def test_what_is_missing_is_named(tmp_path, voc):
    with pytest.raises(DatasetError, match=f"no JPEGImages in {tmp_path}.*VOCdevkit"):
        VocReader(tmp_path).parts()
    voc.picture("a", "cat")
    with pytest.raises(DatasetError, match=r"No list in .*ImageSets/Main .*train\.txt"):
        VocReader(tmp_path).parts()
    voc.list("val", "a\n")
    (tmp_path / "Annotations/a.xml").unlink()
    (tmp_path / "Annotations").rmdir()
    with pytest.raises(DatasetError, match="no Annotations"):
        VocReader(tmp_path).parts()


@pytest.mark.parametrize(
    ("folders", "recognised"),
    [
        (["JPEGImages", "ImageSets/Main"], True),
        (["JPEGImages", "Annotations"], True),
        (["VOC2012/JPEGImages", "VOC2012/Annotations"], True),
        (["VOCdevkit/VOC2028/JPEGImages", "VOCdevkit/VOC2028/Annotations"], True),
        (["JPEGImages"], False),
        (["Annotations", "ImageSets/Main"], False),
        (["train/cat"], False),
    ],
)
def test_recognises(tmp_path, folders, recognised):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    assert VocReader.recognises(tmp_path) is recognised


BCCD = Path(__file__).resolve().parents[4] / "shared" / "data" / "voc-bccd"


@pytest.mark.skipif(not BCCD.is_dir(), reason=f"the real set of blood cells is not at {BCCD}")
def test_a_real_set():
    reader = VocReader(BCCD)
    assert VocReader.recognises(BCCD)
    assert [record.label for record in reader.classes()] == ["Platelets", "RBC", "WBC"]
    records = [record for part in reader.parts() for record in reader.read(part)]
    images = [record for record in records if isinstance(record, ImageRecord)]
    objects = [record for record in records if isinstance(record, ObjectRecord)]
    assert Counter(image.split for image in images) == {"train": 205, "val": 87, "test": 72}
    assert len({image.image_id for image in images}) == 364
    assert Counter(record.label for record in objects) == {"Platelets": 361, "RBC": 4155, "WBC": 372}
    assert len(records) == 364 + 4888
    for image in images:
        assert read_bytes(BCCD, image.file, image.offset, image.length).startswith(b"\xff\xd8\xff")
