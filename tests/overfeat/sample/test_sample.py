"""The sample as a whole: the same bytes each time, and what its reader finds in it."""

import io
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from overfeat.errors import DatasetError, SettingsError
from overfeat.readers import ImageRecord, ObjectRecord, open_dataset, read_bytes
from overfeat.sample import compose, digit_of, write_sample
from overfeat.sample.sources import load_sources

REPOSITORY = Path(__file__).resolve().parents[3]
NAMES = {
    "ILSVRC2012_img_train.tar",
    "ILSVRC2012_img_val.tar",
    "ILSVRC2012_bbox_train_v2.tar.gz",
    "ILSVRC2012_bbox_val_v3.tgz",
    "ILSVRC2012_devkit_t12.tar.gz",
}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read(folder):
    reader = open_dataset(folder)
    return [record for part in reader.parts() for record in reader.read(part)]


def pictures(folder):
    """Bytes of each picture by its id."""
    images = [record for record in read(folder) if isinstance(record, ImageRecord)]
    return {image.image_id: read_bytes(folder, image.file, image.offset, image.length) for image in images}


def composed(sources, image_id):
    """The picture that a name in the sample stands for, made again."""
    if image_id.startswith("ILSVRC2012_val_"):
        return compose(sources, 3, "val", int(image_id[-8:]) - 1)
    synset, number = image_id.split("_")
    own = [index for index in range(64) if digit_of(3, "train", index) == int(synset[-1])]
    return compose(sources, 3, "train", own[int(number)])


def test_the_same_bytes_in_another_process_at_another_time(sample, tmp_path):
    program = "import sys, pathlib, overfeat.sample as s; s.write_sample(pathlib.Path(sys.argv[1]), 3, 64, 30)"
    surroundings = os.environ | {"PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=REPOSITORY, env=surroundings, check=True)
    assert contents(tmp_path) == contents(sample)
    assert set(contents(sample)) == NAMES


def test_the_same_bytes_over_an_earlier_run(sample, tmp_path):
    for name in NAMES:
        (tmp_path / name).write_bytes(b"old" * 1_000_000)
    write_sample(tmp_path, 3, 64, 30)
    assert contents(tmp_path) == contents(sample)


def test_another_seed_makes_other_pictures(sample, tmp_path):
    write_sample(tmp_path / "new" / "folder", 4, 64, 30)
    other = pictures(tmp_path / "new" / "folder")
    assert set(pictures(sample).values()).isdisjoint(other.values())


def test_a_larger_sample_begins_with_the_smaller_one(sample, tmp_path):
    write_sample(tmp_path, 3, 20, 10)
    smaller, larger = pictures(tmp_path), pictures(sample)
    assert len(smaller) == 30
    assert smaller == {image_id: larger[image_id] for image_id in smaller}


def test_the_reader_finds_every_picture_with_one_box_of_its_class(sample):
    records = read(sample)
    images = [record for record in records if isinstance(record, ImageRecord)]
    objects = [record for record in records if isinstance(record, ObjectRecord)]
    assert len(records) == len(images) + len(objects)
    assert [(record.image_id, record.label) for record in objects] == [
        (image.image_id, image.label) for image in images
    ]
    counts = Counter((image.split, image.label) for image in images)
    labels = [record.label for record in open_dataset(sample).classes()]
    assert labels == [f"n9000000{digit}" for digit in range(10)]
    assert {counts["val", label] for label in labels} == {3}
    assert {counts["train", label] for label in labels} == {6, 7}
    assert sum(counts.values()) == 94
    val = [image.label for image in images if image.split == "val"]
    assert val != sorted(val)


def test_classes_are_named_for_people(sample):
    names = [record.name for record in open_dataset(sample).classes()]
    assert (names[0], names[3], names[9], len(set(names))) == ("digit zero", "digit three", "digit nine", 10)


def test_boxes_are_tight_to_the_ink(sample, sources):
    objects = [record for record in read(sample) if isinstance(record, ObjectRecord)]
    assert len(objects) == 94
    for record in objects:
        picture = composed(sources, record.image_id)
        assert record.label == f"n9000000{picture.digit}"
        rows, columns = np.nonzero(np.asarray(picture.cover) >= 128)
        assert (record.x1, record.y1) == (columns.min(), rows.min())
        assert (record.x2, record.y2) == (columns.max() + 1, rows.max() + 1)


def test_the_stored_pixels_are_the_composed_ones_and_bright_in_the_box_alone(sample, sources):
    boxes = {record.image_id: record for record in read(sample) if isinstance(record, ObjectRecord)}
    for image_id, content in pictures(sample).items():
        stored, picture = Image.open(io.BytesIO(content)), composed(sources, image_id)
        assert (stored.format, stored.size, stored.mode) == ("JPEG", picture.image.size, picture.image.mode)
        difference = np.asarray(stored, np.float32) - np.asarray(picture.image, np.float32)
        assert np.abs(difference).mean() < 4
        # the background is at most 140 bright and the digit at least 195
        rows, columns = np.nonzero(np.asarray(stored.convert("L")) > 170)
        box = boxes[image_id]
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert np.abs(np.subtract(found, (box.x1, box.y1, box.x2, box.y2))).max() <= 6, image_id


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((-1, 64, 30), "seed .* -1"), ((0, 9, 30), "train pictures is 9"), ((0, 64, -5), "val pictures is -5")],
)
def test_arguments_out_of_range_are_named_and_nothing_is_written(tmp_path, arguments, named):
    with pytest.raises(SettingsError, match=named):
        write_sample(tmp_path / "sample", *arguments)
    assert not (tmp_path / "sample").exists()


def test_without_scikit_learn_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    load_sources.cache_clear()
    with pytest.raises(DatasetError, match="pip install"):
        write_sample(tmp_path / "sample")
    load_sources.cache_clear()


def test_importing_the_sample_is_light():
    program = "import sys, overfeat.sample; print(sorted({'torch', 'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
