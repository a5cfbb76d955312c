"""The tree of the detection half beside that of the release, and what its reader finds in it."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from overfeat.errors import DatasetError, SettingsError
from overfeat.readers import ImageRecord, ObjectRecord
from overfeat.readers.det import DetReader
from overfeat.sample import compose_scene, write_detection_sample

REPOSITORY = Path(__file__).resolve().parents[3]
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def contents(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def composed(sources):
    """Every picture by split and its path below the folder of the split, made again."""
    found = {}
    for index in range(40):
        scene = compose_scene(sources, 3, "train", index)
        if scene.digits:
            synset = f"n9000000{scene.digits[0].digit}"
            found["train", f"ILSVRC2013_train/{synset}/{synset}_{index}"] = scene
        else:
            found["train", f"ILSVRC2013_train_extra0/ILSVRC2013_train_{index + 1:08d}"] = scene
    for index in range(20):
        found["val", f"ILSVRC2012_val_{index + 1:08d}"] = compose_scene(sources, 3, "val", index)
    return found


def test_the_files_are_those_of_the_release(detection_sample, sources):
    scenes = composed(sources)
    expected = {f"Data/DET/{split}/{path}.JPEG" for split, path in scenes}
    annotated = [(split, path) for (split, path), scene in scenes.items() if split == "val" or scene.digits]
    expected |= {f"Annotations/DET/{split}/{path}.xml" for split, path in annotated}
    expected |= {f"ImageSets/DET/train_{number}.txt" for number in range(1, 11)}
    expected |= {"ImageSets/DET/val.txt", "devkit/data/map_det.txt"}
    assert set(contents(detection_sample)) == expected
    assert len(annotated) == 32 + 20


def test_pictures_and_annotations_are_the_composed_ones(detection_sample, sources):
    for (split, path), scene in composed(sources).items():
        stored = Image.open(detection_sample / f"Data/DET/{split}/{path}.JPEG")
        assert (stored.format, stored.size, stored.mode) == ("JPEG", scene.image.size, scene.image.mode)
        difference = np.asarray(stored, np.float32) - np.asarray(scene.image, np.float32)
        assert np.abs(difference).mean() < 4
        if split == "train" and not scene.digits:
            continue
        xml = ElementTree.fromstring((detection_sample / f"Annotations/DET/{split}/{path}.xml").read_bytes())
        assert (xml.findtext("folder"), xml.findtext("filename")) == (Path(split, path).parent.name, Path(path).name)
        assert (int(xml.findtext("size/width")), int(xml.findtext("size/height"))) == scene.image.size
        found = [
            (
                int(thing.findtext("name")[-1]),
                *(int(thing.findtext(f"bndbox/{c}")) for c in ("xmin", "ymin", "xmax", "ymax")),
            )
            for thing in xml.findall("object")
        ]
        assert found == [(shown.digit, *shown.box) for shown in scene.digits]


@pytest.mark.parametrize("digit", range(10))
def test_the_list_of_a_class_has_all_that_show_it_and_all_that_show_nothing(detection_sample, sources, digit):
    expected = []
    for (split, path), scene in composed(sources).items():
        digits = {shown.digit for shown in scene.digits}
        if split == "train" and digit in digits:
            expected.append(f"{path} 1")
        elif split == "train" and not digits:
            expected.append(f"{path} -1")
    assert (detection_sample / f"ImageSets/DET/train_{digit + 1}.txt").read_text().splitlines() == expected
    assert sum(line.endswith(" -1") for line in expected) == 8


def test_the_list_of_validation_pictures_numbers_them(detection_sample):
    lines = (detection_sample / "ImageSets/DET/val.txt").read_text().splitlines()
    assert lines == [f"ILSVRC2012_val_{number:08d} {number}" for number in range(1, 21)]


def test_the_table_of_classes_names_them(detection_sample):
    lines = (detection_sample / "devkit/data/map_det.txt").read_text().splitlines()
    assert lines == [f"n9000000{digit} {digit + 1} digit {NAMES[digit]}" for digit in range(10)]


def test_the_reader_finds_every_picture_and_every_digit(detection_sample, sources):
    reader = DetReader(detection_sample.parent)
    records = [record for part in reader.parts() for record in reader.read(part)]
    images = [(record.split, record.image_id) for record in records if isinstance(record, ImageRecord)]
    objects = [record for record in records if isinstance(record, ObjectRecord)]
    assert len(records) == len(images) + len(objects)
    scenes = composed(sources)
    assert sorted(images) == sorted(scenes)
    expected = Counter()
    for (_, path), scene in scenes.items():
        for shown in scene.digits:
            xmin, ymin, xmax, ymax = shown.box
            expected[path, f"n9000000{shown.digit}", xmin, ymin, xmax + 1, ymax + 1] += 1
    assert Counter((o.image_id, o.label, o.x1, o.y1, o.x2, o.y2) for o in objects) == expected
    assert len(objects) == 120
    assert [(c.label, c.name) for c in reader.classes()] == [(f"n9000000{d}", f"digit {NAMES[d]}") for d in range(10)]


def test_the_same_bytes_in_another_process_at_another_time(detection_sample, tmp_path):
    program = (
        "import sys, pathlib, overfeat.sample as s; s.write_detection_sample(pathlib.Path(sys.argv[1]), 3, 40, 20)"
    )
    surroundings = os.environ | {"PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=REPOSITORY, env=surroundings, check=True)
    assert contents(tmp_path / "ILSVRC") == contents(detection_sample)


def test_another_seed_makes_other_pictures_and_a_larger_sample_begins_with_the_smaller(detection_sample, tmp_path):
    write_detection_sample(tmp_path / "other", 4, 10, 10)
    write_detection_sample(tmp_path / "smaller", 3, 13, 11)
    whole, other, smaller = (
        {name: content for name, content in contents(root).items() if name.endswith(".JPEG")}
        for root in (detection_sample, tmp_path / "other" / "ILSVRC", tmp_path / "smaller" / "ILSVRC")
    )
    assert len(other) == 20
    assert set(other.values()).isdisjoint(whole.values())
    assert len(smaller) == 24
    assert smaller == {name: whole[name] for name in smaller}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((-1, 40, 20), "seed .* -1"), ((0, 9, 20), "train pictures is 9"), ((0, 40, -5), "val pictures is -5")],
)
def test_arguments_out_of_range_are_named_and_nothing_is_written(tmp_path, arguments, named):
    with pytest.raises(SettingsError, match=named):
        write_detection_sample(tmp_path / "sample", *arguments)
    assert not (tmp_path / "sample").exists()


def test_what_is_there_already_is_left_alone(tmp_path):
    theirs = tmp_path / "ILSVRC" / "Data" / "DET" / "train" / "theirs.JPEG"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    with pytest.raises(DatasetError, match="exists already"):
        write_detection_sample(tmp_path, 0, 10, 10)
    assert contents(tmp_path) == {"ILSVRC/Data/DET/train/theirs.JPEG": b"theirs"}
