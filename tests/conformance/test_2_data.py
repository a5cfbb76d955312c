"""SPEC 2: pictures as they are prepared, and the views that training draws."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from overfeat.boxes import from_inclusive
from overfeat.config import PreprocessSettings, SourceSettings
from overfeat.images import loader
from overfeat.images.crops import crop_corners, image_key, uniforms
from overfeat.images.decode import decode, encode
from overfeat.images.downsample import store_image
from overfeat.images.inspect import inspect
from overfeat.images.loader import TrainingViews
from overfeat.readers import ObjectRecord
from overfeat.readers.annotations import parse_annotation
from overfeat.results.schemas import STORED_IMAGES
from overfeat.results.store import write_table
from pipelines.preprocess import Preprocess

NO_BOXES = np.zeros((0, 4), np.float32)


def jpeg(height: int, width: int) -> bytes:
    return encode(torch.randint(256, (3, height, width), dtype=torch.uint8), 95)


@pytest.mark.parametrize(
    ("hw", "stored"),
    [((500, 375), (341, 256)), ((375, 500), (256, 341)), ((427, 640), (256, 384)), ((256, 300), (256, 300))],
)
def test_the_smallest_side_becomes_256_and_the_aspect_is_kept(hw: tuple[int, int], stored: tuple[int, int]) -> None:
    assert PreprocessSettings().train_side == 256
    image = store_image(jpeg(*hw), NO_BOXES, 256, 95)
    assert (image.stored_height, image.stored_width) == stored
    assert decode(image.jpeg).shape[1:] == stored
    assert not image.enlarged


def test_a_picture_is_never_enlarged_silently() -> None:
    assert store_image(jpeg(200, 300), NO_BOXES, 256, 95).enlarged


def test_boxes_are_scaled_with_their_picture() -> None:
    boxes = np.array([[0, 0, 500, 400], [100, 50, 200, 150]], np.float32)
    image = store_image(jpeg(400, 500), boxes, 200, 95)
    assert image.scaled_boxes.tolist() == [[0, 0, 250, 200], [50, 25, 100, 75]]
    # 640 x 427 becomes 15 x 10, by 0.0234 in x and in y: a box around all of it stays around all of it
    whole = store_image(jpeg(427, 640), np.array([[0, 0, 640, 427]], np.float32), 10, 95)
    assert (whole.stored_width, whole.stored_height) == (15, 10)
    np.testing.assert_allclose(whole.scaled_boxes, [[0, 0, 15, 10]], rtol=1e-6)


def test_a_box_is_float_0_based_and_half_open_whatever_the_annotation_has() -> None:
    assert from_inclusive((0, 0, 63, 63)) == (0, 0, 64, 64)  # ILSVRC
    assert from_inclusive((1, 1, 64, 64), first=1) == (0, 0, 64, 64)  # Pascal VOC


def test_boxes_are_parsed_from_the_xml_of_ilsvrc_and_voc() -> None:
    sides = "<xmin>1</xmin><ymin>5</ymin><xmax>10</xmax><ymax>8</ymax>"
    xml = f"<annotation><object><name>cat</name><bndbox>{sides}</bndbox></object></annotation>".encode()
    assert list(parse_annotation(xml, "p", "p.xml")) == [ObjectRecord("p", "cat", 1.0, 5.0, 11.0, 9.0)]
    assert list(parse_annotation(xml, "p", "p.xml", first_pixel=1)) == [ObjectRecord("p", "cat", 0.0, 4.0, 10.0, 8.0)]


def test_the_orientation_in_exif_is_ignored_for_data_sets() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter
    stream = io.BytesIO()
    Image.new("RGB", (40, 20)).save(stream, "JPEG", exif=exif)
    assert inspect(stream.getvalue()) == (40, 20)
    assert decode(stream.getvalue()).shape == (3, 20, 40)


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Return 6 pictures in which a pixel's red is its column and its green its row."""
    rows: dict[str, list[object]] = {name: [] for name in STORED_IMAGES.names}
    for number in range(6):
        pixels = torch.zeros(3, 60, 70, dtype=torch.uint8)
        pixels[0], pixels[1], pixels[2] = torch.arange(70) * 3, torch.arange(60)[:, None] * 3, number * 40
        row = {
            **{"image_id": f"p{number}", "split": "train", "label": "x", "class_index": number, "enlarged": False},
            **{"width": 70, "height": 60, "stored_width": 70, "stored_height": 60, "jpeg": encode(pixels, 100)},
            **{"object_labels": [], "scaled_boxes": [], "difficult": [], "crowd": []},
        }
        for name, value in row.items():
            rows[name].append(value)
    write_table(tmp_path / "train-00000.parquet", rows, STORED_IMAGES)
    return [tmp_path / "train-00000.parquet"]


def views(
    shards: list[Path], epoch: int, threads: int = 1, seed: int = 0, crops: int = 5
) -> dict[int, list[torch.Tensor]]:
    """Return the views of an epoch by picture, in a fixed order."""
    loader = TrainingViews(shards, 40, crops, "both", 16, seed, threads)
    by_picture: dict[int, list[torch.Tensor]] = {}
    for batch in loader.batches(epoch):
        for image, label in zip(batch.images, batch.labels.tolist(), strict=True):
            by_picture.setdefault(label, []).append(image)
    return {label: sorted(found, key=lambda image: image.flatten().tolist()) for label, found in by_picture.items()}


def places(images: list[torch.Tensor]) -> list[tuple[int, int]]:
    """Return left and top of crops that are not mirrored, as their shades say."""
    return [(round(int(image[0, 20, 0]) / 3), round(int(image[1, 0, 20]) / 3)) for image in images]


def test_five_random_crops_of_the_window_and_their_mirror_images(shards: list[Path]) -> None:
    for found in views(shards, 0).values():
        assert len(found) == 10
        assert all(image.shape == (3, 40, 40) for image in found)
        mirrored = sorted((image.flip(-1) for image in found), key=lambda image: image.flatten().tolist())
        assert all(torch.equal(one, other) for one, other in zip(found, mirrored, strict=True))
        upright = [image for image in found if image[0, 0, 0] < image[0, 0, -1]]
        assert len(upright) == 5
        assert len(set(places(upright))) >= 4


def test_crops_come_from_all_over_the_picture() -> None:
    least, most = np.zeros((1, 3)), np.full((1, 3), 1 - 2.0**-53)
    assert crop_corners(least, 256, 341, 231).tolist() == [[0, 0]]
    assert crop_corners(most, 256, 341, 231).tolist() == [[256 - 231, 341 - 231]]
    draws = uniforms(0, 0, np.arange(2000, dtype=np.uint64), 5)[..., :2].reshape(-1, 2)
    np.testing.assert_allclose(np.histogram2d(*draws.T, bins=4)[0] / len(draws), 1 / 16, atol=0.01)


def test_crops_are_drawn_anew_each_epoch_and_depend_on_seed_epoch_image_and_crop_alone(shards: list[Path]) -> None:
    first, again = views(shards, 3), views(shards, 3, threads=3)
    assert all(torch.equal(a, b) for label in first for a, b in zip(first[label], again[label], strict=True))
    for other in (views(shards, 4), views(shards, 3, seed=1)):
        assert not all(torch.equal(a, b) for label in first for a, b in zip(first[label], other[label], strict=True))
    corners = {label: places([image for image in first[label] if image[0, 0, 0] < image[0, 0, -1]]) for label in first}
    assert len(set(map(str, corners.values()))) == 6  # each picture has its own


def test_a_crop_does_not_depend_on_the_other_pictures_and_crops() -> None:
    keys = np.array([image_key(f"p{number}") for number in range(6)], np.uint64)
    together = uniforms(1, 3, keys, 5)
    np.testing.assert_array_equal(together[[4, 2]], uniforms(1, 3, keys[[4, 2]], 5))
    np.testing.assert_array_equal(together[:, :2], uniforms(1, 3, keys, 2))


def test_a_picture_is_decoded_once_for_all_its_views(shards: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []

    def counting(data: bytes) -> torch.Tensor:
        decoded.append(data)
        return decode(data)

    monkeypatch.setattr(loader, "decode", counting)
    assert sum(map(len, views(shards, 0).values())) == 60
    assert len(decoded) == 6


def test_the_pictures_that_had_to_be_enlarged_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: dict[str, list[object]] = {name: [] for name in STORED_IMAGES.names}
    for number in range(5):
        row = dict.fromkeys(STORED_IMAGES.names) | {"image_id": f"p{number}", "enlarged": number > 2}
        for name, value in row.items():
            rows[name].append(value)
    write_table(tmp_path / "recognition-train-00000/train-00000.parquet", rows, STORED_IMAGES)
    stage = Preprocess(SourceSettings(), PreprocessSettings())
    stage.finish([tmp_path / "recognition-train-00000"], tmp_path / "out")
    assert "2 training pictures, smaller than 256 pixels, were enlarged" in capsys.readouterr().err
