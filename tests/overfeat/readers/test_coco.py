"""The reader of COCO: what each JSON and each entry of it becomes, and what damage costs."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from overfeat.errors import DatasetError
from overfeat.readers import ImageRecord, ObjectRecord, RejectRecord, read_bytes
from overfeat.readers import coco as module
from overfeat.readers.coco import CocoReader
from overfeat.readers.folder import FolderReader
from overfeat.readers.kaggle import KaggleReader
from overfeat.readers.tiny_imagenet import TinyImagenetReader

CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 3, "name": "cat"}, {"id": 0, "name": "animal"}]
TRAIN, VAL = "annotations/instances_train2017.json", "annotations/instances_val2017.json"


def image(key, name):
    return {"id": key, "file_name": name, "width": 8, "height": 8, "license": 1}


def box(key, category, x, y, w, h, **more):
    return {"id": 1, "image_id": key, "category_id": category, "bbox": [x, y, w, h], "segmentation": [[1, 2]], **more}


class Made:
    def __init__(self, root):
        self.root = root

    def pictures(self, *files):
        for file in files:
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            (self.root / file).write_bytes(file.encode())

    def json(self, file, images, annotations=(), categories=CATEGORIES, bom=False, **more):
        document = {"info": {}, "images": images, "annotations": list(annotations), "categories": categories, **more}
        self.text(file, ("\ufeff" if bom else "") + json.dumps(document))

    def text(self, file, text):
        (self.root / file).parent.mkdir(parents=True, exist_ok=True)
        (self.root / file).write_bytes(text if isinstance(text, bytes) else text.encode())

    def records(self):
        return [record for part in CocoReader(self.root).parts() for record in CocoReader(self.root).read(part)]

    def images(self):
        found = [record for record in self.records() if isinstance(record, ImageRecord)]
        return [(record.image_id, record.split, record.file) for record in found]

    def objects(self):
        return [record for record in self.records() if isinstance(record, ObjectRecord)]

    def rejects(self):
        found = [record for record in self.records() if isinstance(record, RejectRecord)]
        return [(record.image_id, record.reason) for record in found]

    def labels(self):
        return [record.label for record in CocoReader(self.root).classes()]


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path)


@pytest.fixture
def release(made):
    """Two training pictures, one of them empty, one validation picture and two test pictures."""
    made.pictures("train2017/02.jpg", "train2017/01.jpg", "val2017/03.jpg", "test2017/04.jpg", "test2017/05.jpg")
    made.json(TRAIN, [image(2, "02.jpg"), image(1, "01.jpg")], [box(2, 18, 1.5, 2, 3, 4.25), box(2, 3, 0, 0, 8, 8)])
    made.json(VAL, [image(3, "03.jpg")], [box(3, 3, 1, 1, 2, 2, iscrowd=1)])
    for name in ("test2017", "test-dev2017"):
        made.text(f"annotations/image_info_{name}.json", json.dumps({"images": [image(5, "05.jpg")]}))
    made.text("annotations/captions_train2017.json", "[]")
    made.text("annotations/person_keypoints_train2017.json", "[]")
    return made


def test_a_release(release):
    assert release.images() == [
        ("02", "train", "train2017/02.jpg"),
        ("01", "train", "train2017/01.jpg"),
        ("03", "val", "val2017/03.jpg"),
        ("05", "test", "test2017/05.jpg"),
    ]
    assert release.objects() == [
        ObjectRecord("02", "dog", 1.5, 2.0, 4.5, 6.25),
        ObjectRecord("02", "cat", 0.0, 0.0, 8.0, 8.0),
        ObjectRecord("03", "cat", 1.0, 1.0, 3.0, 3.0, crowd=True),
    ]
    assert release.rejects() == []
    assert release.labels() == ["cat", "dog"]
    assert CocoReader(release.root).parts() == [f"{TRAIN}@0", f"{VAL}@0", "annotations/image_info_test2017.json@0"]
    for record in release.records():
        if isinstance(record, ImageRecord):
            content = read_bytes(release.root, record.file, record.offset, record.length)
            assert content == record.file.encode()


def test_objects_come_behind_their_picture(release):
    kinds = [(type(record).__name__, record.image_id) for record in CocoReader(release.root).read(f"{TRAIN}@0")]
    assert kinds == [("ImageRecord", "02"), ("ObjectRecord", "02"), ("ObjectRecord", "02"), ("ImageRecord", "01")]


def test_ids_of_categories_are_each_files_own(made):
    made.pictures("train/1.jpg", "val/2.jpg")
    made.json(
        "annotations/instances_train.json", [image(1, "1.jpg")], [box(1, 7, 0, 0, 1, 1)], [{"id": 7, "name": "a"}]
    )
    made.json("annotations/instances_val.json", [image(1, "2.jpg")], [box(1, 7, 0, 0, 1, 1)], [{"id": 7, "name": "b"}])
    assert [(record.image_id, record.label) for record in made.objects()] == [("1", "a"), ("2", "b")]
    assert made.labels() == ["a", "b"]


@pytest.mark.parametrize("folder", ["train2017", "images/train2017", "train", "images/train", "images"])
def test_where_pictures_may_lie(made, folder):
    made.pictures(f"{folder}/01.jpg")
    made.json(TRAIN, [image(1, "01.jpg")])
    made.json(VAL, [image(3, "03.jpg")] if folder != "images" else [])
    assert made.images() == [("01", "train", f"{folder}/01.jpg")]
    assert made.rejects() == []


def test_a_json_without_a_folder_of_pictures_is_left_out(release):
    (release.root / "test2017/04.jpg").unlink()
    (release.root / "test2017/05.jpg").unlink()
    (release.root / "test2017").rmdir()
    assert [split for _, split, _ in release.images()] == ["train", "train", "val"]
    assert release.rejects() == []


def test_names_of_other_makers(made):
    made.pictures("images/train/1.jpg", "images/val/2.jpg")
    made.json("annotations/custom_train.v2.json", [image("a", "1.jpg")], [box("a", 3, 0, 0, 1, 1)])
    made.json("annotations/val.json", [image("a", "2.jpg")])
    made.text("annotations/panoptic_train.json", "no JSON")
    assert [(image_id, split) for image_id, split, _ in made.images()] == [("1", "train"), ("2", "val")]
    assert len(made.objects()) == 1


def test_exporters_layout(made):
    made.pictures("train/a.jpg", "valid/b.jpg", "test/c.jpg")
    for number, (top, name) in enumerate([("train", "a.jpg"), ("valid", "b.jpg"), ("test", "c.jpg")]):
        made.json(f"{top}/_annotations.coco.json", [image(0, name)], [box(0, 3, number, 0, 1, 1)])
    assert made.images() == [
        ("a", "train", "train/a.jpg"),
        ("b", "val", "valid/b.jpg"),
        ("c", "test", "test/c.jpg"),
    ]
    assert [record.x1 for record in made.objects()] == [0, 1, 2]


@pytest.mark.parametrize(("file", "folder"), [("annotations.json", "images/"), ("_annotations.coco.json", "")])
def test_one_json_has_no_splits(made, file, folder):
    made.pictures(f"{folder}a.jpg")
    made.json(file, [image(0, "a.jpg")])
    assert made.images() == [("a", None, f"{folder}a.jpg")]


def test_a_byte_order_mark_is_no_damage(made):
    made.pictures("train2017/01.jpg")
    made.json(TRAIN, [image(1, "01.jpg")], bom=True)
    assert [image_id for image_id, _, _ in made.images()] == ["01"]


@pytest.mark.parametrize(
    "bbox",
    [None, [], [1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, "4"], [1, 2, 3, None], [1, 2, True, 4], {"x": 1}, "1 2 3 4"]
    + [[1, 2, 3, float(bad)] for bad in ("nan", "inf", "-inf")]
    + [[10**400, 2, 3, 4], [[1], 2, 3, 4]],
    ids=str,
)
def test_a_bad_box_costs_itself_alone(made, bbox):
    made.pictures("train2017/01.jpg")
    bad = box(1, 3, 0, 0, 0, 0) | {"bbox": bbox}
    made.json(TRAIN, [image(1, "01.jpg")], [box(1, 3, 0, 0, 1, 1), bad, box(1, 3, 0, 0, 2, 2)])
    assert [record.x2 for record in made.objects()] == [1, 2]
    assert made.rejects() == [("01", "bad annotation")]
    assert made.images() == [("01", "train", "train2017/01.jpg")]


def test_annotations_of_nothing_known_are_rejected_once(made, monkeypatch):
    monkeypatch.setattr(module, "PICTURES_A_PART", 1)
    made.pictures("train2017/01.jpg", "train2017/02.jpg")
    bad = [box(99, 3, 0, 0, 1, 1), box([1], 3, 0, 0, 1, 1), "no entry", box(2, 77, 0, 0, 1, 1), box(2, {}, 0, 0, 1, 1)]
    made.json(TRAIN, [image(1, "01.jpg"), image(2, "02.jpg")], [*bad, box(1, 3, 0, 0, 1, 1)])
    assert CocoReader(made.root).parts() == [f"{TRAIN}@0", f"{TRAIN}@1"]
    assert made.rejects() == [(None, "no such picture")] * 3 + [("02", "unknown object class")] * 2
    assert [record.image_id for record in made.objects()] == ["01"]


def test_pictures_that_cannot_be_used(made, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.jpg").write_bytes(b"secret")
    made.pictures("train2017/01.jpg", "train2017/notes.txt", "train2017/empty.jpg", "val2017/other.jpg")
    (made.root / "train2017/empty.jpg").write_bytes(b"")
    (made.root / "train2017/link.jpg").symlink_to(outside / "secret.jpg")
    (made.root / "train2017/folder").symlink_to(outside)
    (made.root / "train2017/broken.jpg").symlink_to("nowhere.jpg")
    (made.root / "train2017/folder.jpg").mkdir()
    expected = {
        "gone.jpg": "missing picture",
        "01.jpg/deeper.jpg": "missing picture",
        "x" * 300 + ".jpg": "missing picture",
        "notes.txt": "not a picture",
        "empty.jpg": "empty file",
        "../val2017/other.jpg": "outside the data set",
        "..\\val2017\\other.jpg": "outside the data set",
        str(outside / "secret.jpg"): "outside the data set",
        "C:\\secret.jpg": "outside the data set",
        "link.jpg": "outside the data set",
        "folder/secret.jpg": "outside the data set",
        "nul\0.jpg": "outside the data set",
        "broken.jpg": "not a plain file",
        "folder.jpg": "not a plain file",
    }
    entries = [image(number, name) for number, name in enumerate(expected, start=1)]
    made.json(TRAIN, [*entries, image(99, "01.jpg")], [box(entry["id"], 3, 0, 0, 1, 1) for entry in entries])
    records = made.records()
    rejects = [record for record in records if isinstance(record, RejectRecord)]
    assert [record.reason for record in rejects] == list(expected.values())
    assert [record.image_id for record in records if not isinstance(record, RejectRecord)] == ["01"]
    for record in rejects:
        assert f"{record.file}{record.detail}".encode()


def test_pictures_of_one_id_or_name(made):
    made.pictures(*(f"train2017/{name}.jpg" for name in "abcdef"), "train2017/d.png", "train2017/sub/d.jpg")
    entries = [
        image(1, "a.jpg"),
        image(1, "a.jpg"),  # said twice
        image(2, "b.jpg"),
        image(2, "c.jpg"),  # of which of the two are the annotations?
        image(3, "d.jpg"),
        image(4, "d.png"),  # both would be called "d"
        image(7, "f.jpg"),
        image(8, "f.jpg"),  # has the one the objects of the other?
        image(5, "sub/d.jpg"),
        image(6, "./e.jpg"),
    ]
    made.json(TRAIN, entries, [box(entry["id"], 3, 0, 0, 1, 1) for entry in entries[:1] + entries[2:3] + entries[4:]])
    assert [image_id for image_id, _, _ in made.images()] == ["a", "sub/d", "e"]
    assert [record.image_id for record in made.objects()] == ["a", "sub/d", "e"]
    assert sorted(reason for _, reason in made.rejects()) == ["duplicate picture"] * 7 + ["no such picture"] * 5


@pytest.mark.parametrize(
    "entry",
    [{}, {"id": 1}, {"id": None, "file_name": "01.jpg"}, {"id": 1, "file_name": 5}, "x", image(1, "\udce9.jpg")],
)
def test_an_entry_that_is_no_picture(made, entry):
    made.pictures("train2017/01.jpg")
    made.json(TRAIN, [entry, image(2, "01.jpg")])
    assert made.rejects() == [(None, "bad entry")]
    assert len(made.images()) == 1


def test_a_json_of_nothing_but_bad_entries_still_lists_them(made):
    made.pictures("train2017/01.jpg")
    made.json(TRAIN, [{}])
    assert made.rejects() == [(None, "bad entry")]


def test_pictures_of_one_name_in_two_splits_get_the_split_before_their_id(made):
    made.pictures("train/a.jpg", "valid/a.jpg", "valid/b.jpg")
    made.json("train/_annotations.coco.json", [image(0, "a.jpg")], [box(0, 3, 0, 0, 1, 1)])
    made.json("valid/_annotations.coco.json", [image(0, "a.jpg"), image(1, "b.jpg")], [box(0, 3, 0, 0, 2, 2)])
    assert CocoReader(made.root).parts() == [f"{top}/_annotations.coco.json@0+split" for top in ("train", "valid")]
    assert [image_id for image_id, _, _ in made.images()] == ["train/a", "val/a", "val/b"]
    assert [(record.image_id, record.x2) for record in made.objects()] == [("train/a", 1), ("val/a", 2)]


def test_a_picture_in_two_splits_is_an_error(made):
    made.pictures("images/a.jpg", "images/b.jpg")
    made.json("annotations/train.json", [image(0, "a.jpg"), image(1, "b.jpg")])
    made.json("annotations/val.json", [image(0, "b.jpg")])
    with pytest.raises(DatasetError, match="the same 1 pictures twice"):
        CocoReader(made.root).parts()


def test_two_years_are_an_error(release):
    release.pictures("train2014/1.jpg")
    release.json("annotations/instances_train2014.json", [])
    with pytest.raises(DatasetError, match=r"instances_train2014.*instances_train2017.*split 'train'"):
        CocoReader(release.root).parts()


@pytest.mark.parametrize(
    "categories",
    [
        [{"id": 3, "name": "cat"}, {"id": 18, "name": " cat "}],
        [{"id": 3, "name": "cat"}, {"id": 18, "name": "dog"}, {"id": 3, "name": "lion"}],
    ],
)
def test_categories_that_cannot_be_told_apart(made, categories):
    made.pictures("train2017/01.jpg")
    made.json(TRAIN, [image(1, "01.jpg")], [box(1, 3, 0, 0, 1, 1), box(1, 18, 0, 0, 1, 1)], categories)
    for call in (CocoReader(made.root).classes, CocoReader(made.root).parts):
        with pytest.raises(DatasetError, match="tell them apart"):
            call()


def test_a_category_without_annotations_is_no_class(made):
    made.pictures("train2017/01.jpg")
    made.json(TRAIN, [image(1, "01.jpg")], [box(1, 3, 0, 0, 1, 1)], [{"id": 0, "name": "cat"}, *CATEGORIES])
    assert made.labels() == ["cat"]
    assert made.rejects() == []


@pytest.mark.parametrize("category", [{"id": 3}, {"id": 3, "name": ""}, {"id": 3, "name": "\ud83d"}, 5])
def test_a_category_without_a_name_costs_its_annotations(made, category):
    made.pictures("train2017/01.jpg")
    made.json(TRAIN, [image(1, "01.jpg")], [box(1, 3, 0, 0, 1, 1)], [category])
    assert made.labels() == []
    assert made.rejects() == [("01", "unknown object class")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not sound JSON"),
        (b'{"images": [', "not sound JSON"),
        (b'{"images": "\xff"}', "not sound JSON"),
        (b"[" * 100_000, "not sound JSON"),
        (b"[]", "not of COCO's kind"),
        (b"{}", "not of COCO's kind"),
        (b'{"images": {}}', "not of COCO's kind"),
        (b'{"images": [], "annotations": 3}', "not of COCO's kind"),
    ],
    ids=range(8),
)
def test_a_json_that_is_not_sound(made, text, why):
    made.pictures("train2017/01.jpg")
    made.text(TRAIN, text)
    for call in (CocoReader(made.root).classes, CocoReader(made.root).parts):
        with pytest.raises(DatasetError, match=f"instances_train2017.json is {why}"):
            call()


def test_no_json(tmp_path):
    (tmp_path / "train2017").mkdir()
    with pytest.raises(DatasetError, match="no JSON with a folder of pictures"):
        CocoReader(tmp_path).parts()


@pytest.mark.parametrize("part", ["", "train", TRAIN, f"{TRAIN}@1", f"../{TRAIN}@0", f"{TRAIN}@x", "/etc/passwd@0"])
def test_an_unknown_part_is_refused(release, part):
    with pytest.raises(DatasetError, match="not a part"):
        CocoReader(release.root).read(part)


def test_a_part_behind_the_last_picture_is_refused(release):
    with pytest.raises(DatasetError, match="was changed"):
        list(CocoReader(release.root).read(f"{TRAIN}@10000"))


@pytest.mark.parametrize(
    "names",
    [
        ["train/cat/a.jpg", "val/cat/b.jpg"],
        ["annotations/a.jpg", "train/b.jpg"],
        ["annotations/a.json", "train/cat/b.jpg"],
        ["annotations/captions_train2017.json", "train2017/b.jpg"],
        ["annotations/instances_train2017.json", "images/val2017/b.jpg"],
        ["annotations.json", "cat/a.jpg"],
        ["Annotations/a.xml", "JPEGImages/a.jpg", "ImageSets/Main/train.txt"],
        ["ILSVRC/Annotations/DET/train/a.xml", "ILSVRC/Data/DET/train/a.JPEG"],
    ],
)
def test_other_layouts_are_not_recognised(made, names):
    made.pictures(*names)
    assert not CocoReader.recognises(made.root)


def test_recognises(release):
    assert CocoReader.recognises(release.root)
    assert not KaggleReader.recognises(release.root)
    assert not TinyImagenetReader.recognises(release.root)
    assert not FolderReader.recognises(release.root / "annotations")
    assert not CocoReader.recognises(Path(release.root / "none"))


KEYS = st.integers(0, 4)
SIDES = st.one_of(st.integers(-5, 9), st.floats(), st.none(), st.text(max_size=2))
IMAGES = st.lists(st.builds(image, KEYS, st.sampled_from(["a.jpg", "b.jpg", "c.jpg", "b.png", "gone.jpg"])), max_size=6)
ANNOTATIONS = st.lists(st.builds(box, KEYS, st.sampled_from([3, 18, 5]), SIDES, SIDES, SIDES, SIDES), max_size=8)


def plain(images, annotations):
    """Read the pictures and objects in the plainest way: entry by entry, looking through all for each."""
    found, objects = [], []
    for number, entry in enumerate(images):
        key, name = entry["id"], entry["file_name"]
        others = [one for one in images if (one["id"], one["file_name"]) != (key, name)]
        if name == "gone.jpg" or entry in images[:number]:
            continue
        if any(one["id"] == key or one["file_name"][0] == name[0] for one in others):
            continue
        found.append(name[0])
        for one in annotations:
            sides = one["bbox"]
            good = all(isinstance(side, int | float) and abs(side) < 1e9 for side in sides)
            if one["image_id"] == key and one["category_id"] != 5 and good:
                x, y, w, h = sides
                objects.append((name[0], {3: "cat", 18: "dog"}[one["category_id"]], x, y, x + w, y + h))
    return found, objects


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(images=IMAGES, annotations=ANNOTATIONS, pieces=st.integers(1, 3))
def test_any_entries_give_what_the_plain_reading_gives(tmp_path_factory, images, annotations, pieces):
    made = Made(tmp_path_factory.mktemp("coco"))
    made.pictures(*(f"train2017/{name}" for name in ("a.jpg", "b.jpg", "c.jpg", "b.png")))
    made.json(TRAIN, images, annotations)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PICTURES_A_PART", pieces)
        records = made.records()
    read = [record.image_id for record in records if isinstance(record, ImageRecord)]
    boxes = [record for record in records if isinstance(record, ObjectRecord)]
    found, objects = plain(images, annotations)
    assert read == found
    assert [(b.image_id, b.label, b.x1, b.y1, b.x2, b.y2) for b in boxes] == objects
    # nothing is lost in silence: each entry is a picture or a reject
    pictures = [
        r for r in records if isinstance(r, RejectRecord) and r.reason in ("duplicate picture", "missing picture")
    ]
    assert len(read) + len(pictures) == len(images)
