"""The reader of class folders."""

import os

import pytest

from overfeat.errors import DatasetError
from overfeat.readers import ImageRecord, RejectRecord, open_dataset, read_bytes
from overfeat.readers.folder import FolderReader


@pytest.fixture
def write(tmp_path):
    """Return a function that writes files named by their content, and returns the root."""

    def write_files(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(os.fsencode(name))
        return tmp_path

    return write_files


def read(root):
    reader = FolderReader(root)
    records = [record for part in reader.parts() for record in FolderReader(root).read(part)]
    images = [record for record in records if isinstance(record, ImageRecord)]
    return images, [(record.file, record.reason) for record in records if isinstance(record, RejectRecord)]


def test_class_folders_without_splits(write):
    root = write("dog/b.PNG", "dog/a.jpg", "cat/x.y.jpeg", "cat/deep/er/z.webp", "cat/deep.bmp")
    images, rejects = read(root)
    assert [(image.image_id, image.split, image.label) for image in images] == [
        ("cat/deep", None, "cat"),
        ("cat/x.y", None, "cat"),
        ("cat/deep/er/z", None, "cat"),
        ("dog/a", None, "dog"),
        ("dog/b", None, "dog"),
    ]
    assert rejects == []
    for image in images:
        assert read_bytes(root, image.file, image.offset, image.length) == image.file.encode()
    assert [record.label for record in FolderReader(root).classes()] == ["cat", "dog"]
    assert FolderReader(root).parts() == ["cat", "dog"]


@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_class_folders_in_splits(write, val):
    root = write("train/cat/a.jpg", f"{val}/cat/a.jpg", "test/dog/a.jpg", "test/unknown.jpg")
    images, rejects = read(root)
    found = {(image.image_id, image.split, image.label) for image in images}
    assert found == {
        ("train/cat/a", "train", "cat"),
        (f"{val}/cat/a", "val", "cat"),
        ("test/dog/a", "test", "dog"),
        ("test/unknown", "test", None),
    }
    assert rejects == []
    assert [record.label for record in FolderReader(root).classes()] == ["cat", "dog"]


def test_train_may_be_a_class(write):
    images, rejects = read(write("train/a.jpg", "bus/a.jpg"))
    assert [(image.label, image.split) for image in images] == [("bus", None), ("train", None)]
    assert rejects == []


def test_ids_are_unique_where_only_suffixes_differ(write):
    images, _ = read(write("c/a.jpg", "c/a.png", "c/a.jpg.png", "c/b.jpg", "c/b/b.jpg"))
    assert [image.image_id for image in images] == ["c/a.jpg", "c/a.jpg.png", "c/a.png", "c/b", "c/b/b"]


def test_what_is_no_picture_in_a_class_is_rejected_and_hidden_is_ignored(write):
    root = write("cat/a.jpg", "cat/notes.txt", "cat/.hidden.jpg", ".git/a.jpg", "loose.jpg", "README", "cat/.x/a.jpg")
    (root / "cat" / "empty.jpg").touch()
    images, rejects = read(root)
    assert [image.image_id for image in images] == ["cat/a"]
    assert rejects == [
        ("README", "not a picture"),
        ("loose.jpg", "no label"),
        ("cat/empty.jpg", "empty file"),
        ("cat/notes.txt", "not a picture"),
    ]


def test_what_lies_beside_splits_and_classes_is_rejected(write):
    root = write("train/cat/a.jpg", "train/loose.jpg", "val/cat/b.jpg", "docs/c.jpg", "docs/d.jpg")
    images, rejects = read(root)
    assert [image.image_id for image in images] == ["train/cat/a", "val/cat/b"]
    assert rejects == [("docs", "outside a split"), ("train/loose.jpg", "no label")]


def test_links_out_of_the_data_set_are_refused(write, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.jpg").write_bytes(b"secret")
    root = write("cat/a.jpg", "dog/b.jpg")
    (root / "cat" / "out.jpg").symlink_to(outside / "secret.jpg")
    (root / "cat" / "within.jpg").symlink_to("../dog/b.jpg")
    (root / "cat" / "broken.jpg").symlink_to("nowhere.jpg")
    (root / "cat" / "folder").symlink_to(outside)
    (root / "cat" / "loop").symlink_to(root)
    (root / "linked").symlink_to(outside)
    images, rejects = read(root)
    assert [image.image_id for image in images] == ["cat/a", "cat/within", "dog/b"]
    assert rejects == [
        ("linked", "linked folder"),
        ("cat/folder", "linked folder"),
        ("cat/loop", "linked folder"),
        ("cat/broken.jpg", "not a plain file"),
        ("cat/out.jpg", "outside the data set"),
    ]
    for image in images:
        assert len(read_bytes(root, image.file, image.offset, image.length)) == image.length
    assert [record.label for record in FolderReader(root).classes()] == ["cat", "dog"]


def test_a_linked_split_is_not_followed(write, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "cat").mkdir()
    (outside / "cat" / "secret.jpg").write_bytes(b"secret")
    root = write("train/cat/a.jpg")
    (root / "val").symlink_to(outside)
    images, rejects = read(root)
    assert [image.image_id for image in images] == ["train/cat/a"]
    assert rejects == [("val", "linked folder")]


def test_a_device_is_not_opened(write):
    root = write("cat/a.jpg")
    os.mkfifo(root / "cat" / "pipe.jpg")
    images, rejects = read(root)
    assert [image.image_id for image in images] == ["cat/a"]
    assert rejects == [("cat/pipe.jpg", "not a plain file")]


def test_a_name_that_is_not_text_is_rejected_with_text(write):
    root = write("cat/a.jpg")
    with open(os.path.join(os.fsencode(root), b"cat", b"caf\xe9.jpg"), "wb") as file:
        file.write(b"x")
    images, rejects = read(root)
    assert [image.image_id for image in images] == ["cat/a"]
    assert rejects == [("cat/caf\\udce9.jpg", "unreadable name")]


def test_no_class_folder(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(DatasetError, match=f"no class folder in {tmp_path}"):
        FolderReader(tmp_path).parts()


@pytest.mark.parametrize("part", ["", "bird", "cat/deep", "../cat", "/etc"])
def test_an_unknown_part_is_refused(write, part):
    with pytest.raises(DatasetError, match="not a part"):
        FolderReader(write("cat/deep/a.jpg")).read(part)


@pytest.mark.parametrize(
    ("names", "recognised"),
    [
        (["cat/a.jpg"], True),
        (["train/cat/a.JPEG"], True),
        (["train/cat/deep/a.png"], True),
        (["a.jpg"], False),
        (["cat/a.txt"], False),
        ([".git/a.jpg"], False),
        ([], False),
    ],
)
def test_recognises(write, names, recognised):
    assert FolderReader.recognises(write(*names)) is recognised


def test_recognising_looks_at_a_few_entries_alone(write, monkeypatch):
    root = write(*(f"cat/{i}.jpg" for i in range(500)))
    looked_at = []
    scandir = os.scandir

    class Counting:
        def __init__(self, folder):
            self.entries = scandir(folder)

        def __enter__(self):
            return (looked_at.append(entry.name) or entry for entry in self.entries)

        def __exit__(self, *_):
            self.entries.close()

    monkeypatch.setattr(os, "scandir", Counting)
    assert isinstance(open_dataset(root), FolderReader)
    assert 1 <= len(looked_at) < 50
