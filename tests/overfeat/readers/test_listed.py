"""Pictures that lists name: lines, splits, parts, and what is rejected for being missing, damaged or elsewhere."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.errors import DatasetError
from overfeat.readers import ImageRecord, ObjectRecord, RejectRecord, listed, read_bytes
from overfeat.readers.listed import (
    SPLITS,
    AnnotatedTree,
    list_lines,
    list_names,
    names_of_part,
    part_names,
    separate,
    split_line,
)

NAMES = st.text("abc", min_size=1, max_size=2)


@pytest.fixture
def files(tmp_path, build):
    """Return a function that writes an annotated picture, or one without XML."""

    def write(name, *objects, suffix=".jpg", xml=True):
        for folder in ("pictures", "boxes"):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / f"{name}{suffix}").write_bytes(build.picture(name))
        if xml is True:
            xml = build.xml(*objects)
        if xml is not None:
            (tmp_path / "boxes" / f"{name}.xml").write_bytes(xml)
        return tmp_path

    return write


def tree(root, **options):
    return AnnotatedTree(root, "pictures", "boxes", 1, **options)


def rejected(records):
    return [(record.image_id, record.file, record.reason) for record in records if isinstance(record, RejectRecord)]


@pytest.mark.parametrize(
    ("line", "name", "flag"),
    [
        ("a", "a", None),
        ("a 1", "a", 1),
        ("a\t -1", "a", -1),
        ("b/a  0", "b/a", 0),
        ("a photo", "a photo", None),
        ("a photo 12", "a photo", 12),
        ("2008", "2008", None),
        ("a " + "9" * 5000, "a " + "9" * 5000, None),
    ],
)
def test_a_line_is_a_name_and_perhaps_a_number(line, name, flag):
    assert split_line(line) == (name, flag)


def test_a_list_may_have_blank_lines_repeats_and_any_line_end(tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes(b"\xef\xbb\xbfb  1\r\n\r\n  a\n\n \nb -1\nc\xe9\n")
    assert list_lines(path) == ["b  1", "a", "b -1", "c\\xe9"]
    assert list_names(path) == ["b", "a", "c\\xe9"]


def test_a_list_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DatasetError, match=f"The list {tmp_path} cannot be read"):
        list_lines(tmp_path)


@given(st.dictionaries(st.sampled_from(SPLITS), st.lists(NAMES)))
def test_a_name_is_in_the_first_split_that_has_it(lists):
    apart = separate(lists)
    assert list(apart) == list(SPLITS)
    for position, split in enumerate(SPLITS):
        before = {name for earlier in SPLITS[:position] for name in lists.get(earlier, ())}
        wanted = []
        for name in lists.get(split, ()):
            if name not in before and name not in wanted:
                wanted.append(name)
        assert apart[split] == wanted


@given(st.lists(NAMES, max_size=9), st.integers(1, 4))
def test_parts_together_are_the_names(names, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listed, "PICTURES_A_PART", size)
        parts = part_names("train", names)
        pieces = [names_of_part(names, int(part.removeprefix("train@"))) for part in parts]
        assert [name for piece in pieces for name in piece] == names
        assert all(1 <= len(piece) <= size for piece in pieces)
        assert not names_of_part(names, len(parts))


def test_a_picture_comes_before_its_objects(files, build):
    files("b", build.object("cat", 1, 1, 8, 4), build.object("dog", 2, 2, 3, 3, extra="<difficult>1</difficult>"))
    root = files("a", suffix=".PNG")
    records = list(tree(root, prefix="set/").read(["b", "a"], "val"))
    assert records == [
        ImageRecord("set/b", "val", None, "pictures/b.jpg", 0, 42),
        ObjectRecord("set/b", "cat", 0, 0, 8, 4),
        ObjectRecord("set/b", "dog", 1, 1, 3, 3, difficult=True),
        ImageRecord("set/a", "val", None, "pictures/a.PNG", 0, 42),
    ]
    assert read_bytes(root, "pictures/b.jpg", 0, 42) == build.picture("b")


def test_names_may_have_dots_and_one_of_several_suffixes_is_taken(files, build):
    root = files("a.b", suffix=".png")
    files("a.b", suffix=".JPEG")
    (root / "pictures" / "a.b.txt").write_text("notes")
    assert [record.file for record in tree(root).read(["a.b"], "train")] == ["pictures/a.b.JPEG"]
    assert tree(root).names_in() == ["a.b"]


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (None, "no annotation"),
        (b"<annotation><object>", "unsound annotation"),
        (b"", "unsound annotation"),
        (b'<!DOCTYPE a [<!ENTITY x "cat">]><annotation>&x;</annotation>', "unsound annotation"),
        (b"<annotation>" + b" " * (4 << 20) + b"</annotation>", "unreadable annotation"),
    ],
    ids=["missing", "cut", "empty", "entity", "too long"],
)
def test_a_picture_without_a_sound_annotation_is_rejected(files, build, xml, reason):
    files("a", build.object("cat", 1, 1, 8, 4))
    files("z", build.object("cat", 1, 1, 8, 4))
    records = list(tree(files("m", xml=xml)).read("amz", "train"))
    assert rejected(records) == [("m", "boxes/m.xml", reason)]
    assert [record.image_id for record in records if not isinstance(record, RejectRecord)] == ["a", "a", "z", "z"]


def test_only_a_missing_annotation_may_be_lacking(files):
    files("a", xml=None)
    files("b", xml=None)
    records = list(tree(files("c", xml=b"<annotation>")).read("abc", "test", may_lack={"b", "c"}))
    assert rejected(records) == [("a", "boxes/a.xml", "no annotation"), ("c", "boxes/c.xml", "unsound annotation")]
    assert [record.image_id for record in records if isinstance(record, ImageRecord)] == ["b"]


def test_a_bad_object_costs_itself_alone(files, build):
    root = files("a", build.object("cat", 1, 1, "x", 4), build.object("dog", 1, 1, 8, 4))
    picture, reject, dog = tree(root).read("a", "train")
    assert isinstance(picture, ImageRecord)
    assert reject.reason == "bad annotation"
    assert dog.label == "dog"


@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/passwd", "sub/../a", "./a", "sub//a", "sub/", "..", "..\\a", "C:a", "C:/a", "a\0"],
)
@pytest.mark.parametrize("deep", [False, True])
def test_a_name_that_could_lead_out_is_rejected(files, name, deep):
    root = files("a")
    files("sub/a")
    (root / "secret.jpg").write_bytes(b"secret")
    (root / "secret.xml").write_bytes(b"<annotation/>")
    assert rejected(tree(root, deep=deep).read([name], "train")) == [(name, "pictures", "bad name")]
    assert tree(root, deep=deep).labels([name]) == set()


def test_folders_in_a_name_are_for_deep_trees(files, build):
    root = files("sub/a", build.object("cat", 1, 1, 2, 2))
    assert rejected(tree(root).read(["sub/a"], "train")) == [("sub/a", "pictures", "bad name")]
    picture, cat = tree(root, deep=True).read(["sub/a"], "train")
    assert (picture.image_id, picture.file, cat.label) == ("sub/a", "pictures/sub/a.jpg", "cat")


def test_a_picture_that_is_missing_or_empty_is_rejected(files):
    root = files("a")
    files("b")
    (root / "pictures" / "b.jpg").write_bytes(b"")
    assert rejected(tree(root, deep=True).read(["c", "b", "none/a"], "train")) == [
        ("c", "pictures/c", "missing picture"),
        ("b", "pictures/b.jpg", "empty file"),
        ("none/a", "pictures/none/a", "missing picture"),
    ]


def test_links_out_of_the_data_set_are_not_followed(files, tmp_path_factory, build):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.jpg").write_bytes(b"secret")
    (outside / "x.xml").write_bytes(build.xml(build.object("secret", 1, 1, 2, 2)))
    root = files("a")
    files("b")
    (root / "pictures" / "a.jpg").unlink()
    (root / "pictures" / "a.jpg").symlink_to(outside / "x.jpg")
    (root / "boxes" / "b.xml").unlink()
    (root / "boxes" / "b.xml").symlink_to(outside / "x.xml")
    (root / "pictures" / "out").symlink_to(outside)
    records = list(tree(root, deep=True).read(["a", "b", "out/x"], "train"))
    assert rejected(records) == [
        ("a", "pictures/a.jpg", "outside the data set"),
        ("b", "boxes/b.xml", "unreadable annotation"),
        ("out/x", "pictures/out/x", "missing picture"),
    ]
    assert len(records) == 3
    assert tree(root, deep=True).labels(["a", "b"]) == set()
    assert tree(root, deep=True).folders() == [""]


def test_a_link_to_the_root_is_no_link_out_of_it(files, tmp_path_factory):
    linked = tmp_path_factory.mktemp("links") / "root"
    linked.symlink_to(files("a"))
    (picture,) = tree(linked).read("a", "train")
    assert picture.file == "pictures/a.jpg"


def test_devices_are_not_opened(files):
    root = files("a", xml=None)
    os.mkfifo(root / "boxes" / "a.xml")
    assert rejected(tree(root).read("a", "test", may_lack="a")) == [("a", "boxes/a.xml", "unreadable annotation")]


def test_a_name_that_is_not_text_is_rejected_with_text(files):
    root = files("a")
    with open(os.path.join(os.fsencode(root), b"pictures", b"caf\xe9.jpg"), "wb") as file:
        file.write(b"x")
    names = tree(root).names_in()
    assert names == ["a", "caf\\udce9"]
    assert rejected(tree(root).read(names, "train")) == [("caf\\udce9", "pictures", "bad name")]


def test_folders_and_their_names(files):
    for name in ("b/1", "b/deep/2", "a/3", "4"):
        root = files(name)
    assert tree(root, deep=True).folders() == ["", "a", "b", "b/deep"]
    assert [tree(root, deep=True).names_in(f) for f in ("", "a", "b/deep")] == [["4"], ["a/3"], ["b/deep/2"]]
    assert tree(root, deep=True).names_in("none") == []
    assert tree(root, deep=True).names_in("../pictures") == []


def test_labels_are_those_of_sound_objects(files, build):
    files("a", build.object("cat", 1, 1, 2, 2), build.object("eel", 1, 1, "x", 2))
    files("b", xml=None)
    files("c", xml=b"<annotation>")
    root = files("d", build.object("dog", 1, 1, 2, 2), build.object("cat", 1, 1, 2, 2))
    assert tree(root).labels("abcde") == {"cat", "dog"}


def test_a_folder_is_listed_once_a_part(files, monkeypatch):
    for name in ("s/a", "t/b", "s/c"):
        root = files(name)
    asked = []
    real = listed.read_tree
    monkeypatch.setattr(listed, "read_tree", lambda root, part, deep: asked.append(part) or real(root, part, deep))
    assert len(list(tree(root, deep=True).read(["s/a", "t/b", "s/c", "s/x"], "train"))) == 4
    assert asked == ["pictures/s", "pictures/t"]
