"""The reader of the five archives, on tiny releases with each oddity that real and hostile ones have."""

import tarfile
from collections import Counter
from pathlib import Path

import pytest

from overfeat.errors import DatasetError
from overfeat.readers import ClassRecord, ImageRecord, ObjectRecord, open_dataset, read_bytes
from overfeat.readers import ilsvrc as module
from overfeat.readers.ilsvrc import BOXES, DEVKIT, TRAIN, VAL, IlsvrcReader


def test_a_sound_release(release, build):
    images = release.images()
    cats = [(f"{release.cat}_{i}", "train", release.cat) for i in range(3)]
    dogs = [(f"{release.dog}_{i}", "train", release.dog) for i in range(2)]
    truth = [release.cat, release.dog, release.dog, release.cat, release.cat]
    val = [(f"ILSVRC2012_val_{i:08d}", "val", label) for i, label in enumerate(truth, start=1)]
    assert [(image.image_id, image.split, image.label) for image in images] == cats + dogs + val
    contents = [read_bytes(release.root, image.file, image.offset, image.length) for image in images]
    texts = ["cat 0", "cat 1", "cat 2", "dog 0", "dog 1", *(f"val {i}" for i in range(1, 6))]
    assert contents == [build.picture(text) for text in texts]
    assert release.objects() == [
        ObjectRecord(f"{release.cat}_0", release.cat, 0, 1, 10, 8),
        ObjectRecord("ILSVRC2012_val_00000002", release.dog, 3, 4, 6, 7),
    ]
    assert release.reasons() == []


def test_classes_are_the_synsets_without_children_sorted_by_label(release):
    dog, cat = ClassRecord(release.dog, "dog"), ClassRecord(release.cat, "cat, true cat")
    assert IlsvrcReader(release.root).classes() == [dog, cat]


def test_parts_can_be_read_in_any_order_and_again(release):
    reader = IlsvrcReader(release.root)
    parts = reader.parts()
    forward = [list(reader.read(part)) for part in parts]
    backward = [list(IlsvrcReader(release.root).read(part)) for part in reversed(parts)]
    assert backward[::-1] == forward
    assert len(parts) == len(set(parts)) == 5


def test_classification_needs_no_box_archives(release):
    for name in BOXES.values():
        (release.root / name).unlink()
    assert len(release.images()) == 10
    assert release.objects() == []
    assert release.reasons() == []


@pytest.mark.parametrize("name", [TRAIN, VAL, DEVKIT])
def test_a_needed_archive_that_is_missing_is_named(release, name):
    (release.root / name).unlink()
    assert IlsvrcReader.recognises(release.root)
    with pytest.raises(DatasetError, match=rf"no {name} in .*{release.root.name}"):
        open_dataset(release.root).parts()


@pytest.mark.parametrize("part", ["", "train", "train@", "train@-1", "test@0", "boxes@test", "train@0x", "../etc"])
def test_an_unknown_part_is_refused(release, part):
    with pytest.raises(DatasetError, match="not a part"):
        list(IlsvrcReader(release.root).read(part))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_validation_parts_are_of_a_fixed_size_and_lose_nothing(release, monkeypatch, size):
    whole = release.images("val")
    monkeypatch.setattr(module, "PICTURES_A_PART", size)
    assert release.images("val") == whole
    assert len([part for part in IlsvrcReader(release.root).parts() if part.startswith("val")]) == -(-5 // size)


def test_no_name_in_an_archive_is_a_path(release, build):
    names = ["../../etc/n1.JPEG", "/etc/n2.JPEG", "a/../../n3.JPEG", "..\\n4.JPEG", "b/n5.jpeg"]
    release.cats(*((name, build.picture(name)) for name in names))
    images = release.images("train")
    assert [image.image_id for image in images] == ["n1", "n2", "n3", "..\\n4", "n5"]
    assert {image.file for image in images} == {TRAIN}
    for image, name in zip(images, names, strict=True):
        assert read_bytes(release.root, image.file, image.offset, image.length) == build.picture(name)


def test_links_and_devices_are_rejected_and_folders_ignored(release, build):
    release.cats(
        (build.header("folder", tarfile.DIRTYPE), b""),
        (build.header("n_1.JPEG", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (build.header("n_2.JPEG", tarfile.LNKTYPE, "../../x"), b""),
        (build.header("n_3.JPEG", tarfile.CHRTYPE), b""),
        (build.header("n_4.JPEG", tarfile.FIFOTYPE), b""),
        ("n_5.JPEG", build.picture("5")),
    )
    assert [image.image_id for image in release.images("train")] == ["n_5"]
    assert release.reasons("train") == [(f"n_{i}", "not a plain file") for i in (1, 2, 3, 4)]


def test_what_is_no_picture_of_its_own_is_rejected_with_its_reason(release, build):
    release.cats(
        ("n_1.JPEG", build.picture("1")),
        ("n_2.JPEG", b""),
        ("readme.txt", b"text"),
        ("passwd", b"text"),
        ("._n_1.JPEG", b"left by a Mac"),
        ("again/n_1.JPEG", build.picture("another")),
    )
    assert release.reasons("train") == [
        ("n_2", "empty file"),
        ("readme", "not a picture"),
        ("passwd", "not a picture"),
        ("n_1", "duplicate picture"),
    ]
    (image,) = release.images("train")
    assert read_bytes(release.root, image.file, image.offset, image.length) == build.picture("1")


def test_a_member_of_the_training_archive_that_is_no_synset_costs_only_itself(release, build):
    pictures = build.tar(("n_1.JPEG", build.picture("1")))
    release.train(
        (f"{release.dog}.tar", b"not a tar" * 200),
        (f"{release.dog}.tar", b"short"),
        (f"{release.dog}.tar", b""),
        ("n99999999.tar", pictures),
        (f"{release.animal}.tar", pictures),
        ("n_7.JPEG", build.picture("7")),
        (build.header(f"{release.dog}.tar", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (build.header("folder", tarfile.DIRTYPE), b""),
        (f"{release.cat}.tar", pictures),
    )
    reasons = [
        "not a tar",
        "not a tar",
        "empty file",
        "unknown class",
        "unknown class",
        "not a tar",
        "not a plain file",
    ]
    assert release.reasons("train") == [(None, reason) for reason in reasons]
    assert [(image.image_id, image.label) for image in release.images("train")] == [("n_1", release.cat)]


@pytest.mark.parametrize("name", [TRAIN, VAL])
@pytest.mark.parametrize("per_part", [2, 5])
def test_a_cut_archive_gives_what_is_before_the_cut_and_says_so(release, monkeypatch, name, per_part):
    monkeypatch.setattr(module, "PICTURES_A_PART", per_part)
    part, path = name.split("_")[-1].removesuffix(".tar"), release.root / name
    images, content = release.images(part), path.read_bytes()
    with tarfile.open(path) as archive:
        last = archive.getmembers()[-1]
    end_mark = last.offset_data + -(-last.size // 512) * 512
    for cut in [*range(0, end_mark, 256), end_mark, end_mark + 511]:
        path.write_bytes(content[:cut])
        before_the_cut = [image for image in images if image.offset + image.length <= cut]
        assert release.images(part) == before_the_cut, cut
        assert release.reasons(part) == [(None, "truncated archive")], cut
    path.write_bytes(content[: end_mark + 512])
    assert release.images(part) == images
    assert release.reasons(part) == []


def test_a_damaged_header_gives_what_is_before_it_and_says_so(release):
    content = bytearray((release.root / VAL).read_bytes())
    third = release.images("val")[2]
    content[third.offset - 512 + 100] ^= 0xFF
    (release.root / VAL).write_bytes(content)
    assert [image.image_id[-1] for image in release.images("val")] == ["1", "2"]
    assert release.reasons("val") == [(None, "damaged archive")]


def test_a_validation_picture_is_labelled_by_its_number_not_its_place(release, build):
    release.val(*((f"ILSVRC2012_val_{i:08d}.JPEG", build.picture(str(i))) for i in (3, 1)))
    release.devkit(ground_truth="1\n1\n2\n")
    assert [image.label for image in release.images("val")] == [release.dog, release.cat]


@pytest.mark.parametrize("number", ["0", "00000006", "none", "9" * 5000, "\u0661"])
def test_a_validation_picture_without_a_line_is_rejected(release, build, number):
    info = tarfile.TarInfo(f"ILSVRC2012_val_{number}.JPEG")
    (release.root / VAL).write_bytes(build.tar((info, build.picture("x")), form=tarfile.GNU_FORMAT))
    assert release.images("val") == []
    assert release.reasons("val") == [(f"ILSVRC2012_val_{number}", "no label")]


@pytest.mark.parametrize("line", ["3", "0", "77", "dog", "", "-1"])
def test_a_line_that_names_no_class_costs_its_picture_alone(release, line):
    release.devkit(ground_truth=f"1\n{line}\n2\n1\n1\n")
    assert [image.image_id[-1] for image in release.images("val")] == ["1", "3", "4", "5"]
    assert release.reasons("val") == [("ILSVRC2012_val_00000002", "no label")]


MINI = Path(__file__).resolve().parents[4] / "shared" / "data" / "ilsvrc2012-mini"


@pytest.mark.skipif(not MINI.is_dir(), reason=f"the small real release is not at {MINI}")
def test_a_small_real_release():
    reader = open_dataset(MINI)
    records = [record for part in reader.parts() for record in reader.read(part)]
    images = [record for record in records if isinstance(record, ImageRecord)]
    objects = [record for record in records if isinstance(record, ObjectRecord)]
    labels = [record.label for record in reader.classes()]
    assert len(records) == len(images) + len(objects)
    assert Counter(image.split for image in images) == {"train": 5000, "val": 1000}
    assert Counter(image.label for image in images if image.split == "train") == dict.fromkeys(labels, 250)
    assert len(labels) == 20
    assert len({image.image_id for image in images}) == 6000
    assert {record.image_id for record in objects} == {image.image_id for image in images}
    label_of = {image.image_id: image.label for image in images}
    for record in objects:
        assert record.label == label_of[record.image_id]
        assert 0 <= record.x1 < record.x2 <= 64
        assert 0 <= record.y1 < record.y2 <= 64
    for image in images:
        content = read_bytes(MINI, image.file, image.offset, image.length)
        assert content.startswith(b"\xff\xd8\xff")
        assert content.endswith(b"\xff\xd9")
