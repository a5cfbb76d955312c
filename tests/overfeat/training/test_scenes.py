"""Scenes: what is drawn, what its pixels and edges show, and that threads do not change it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from overfeat.inference.window_boxes import decode
from overfeat.models.geometry import Geometry
from overfeat.models.tables import ModelTable, Stage
from overfeat.results.schemas import STORED_IMAGES
from overfeat.results.store import write_table
from overfeat.training.detection_targets import BACKGROUND, IGNORED, Rules
from overfeat.training.scenes import Scene, Scenes, as_tensors

TABLE = ModelTable(
    "tiny",
    (Stage("conv", 8, 5, pool=2), Stage("conv", 16, 3, pad=1, pool=3), Stage("full", 16, 2), Stage("full", 0, 1)),
    ((0, 0), (1, 1), (2, 2), (4, 4)),
)
GEOMETRY = Geometry(TABLE)
RULES = Rules(min_overlap=0.5, max_offset=0.3, smallest=0.3, largest=1.2)
MARGIN = 12


@pytest.fixture
def shards(make_shards: Callable[..., Path]) -> list[Path]:
    """Two shards of pictures of several sizes, each with a white rectangle."""
    return sorted(make_shards("train", images=17, objects=1, task="detection").glob("train-*"))


def scenes_of(shards: list[Path], **changes: Any) -> Scenes:
    scenes = Scenes(
        shards=shards,
        geometry=GEOMETRY,
        labels=["left", "right"],
        scales=(1, 2, 4),
        views=2,
        rules=RULES,
        mirrored=True,
        margin=MARGIN,
        batch_size=4,
        seed=0,
        threads=1,
    )
    return replace(scenes, **changes)


def same(one: Scene, other: Scene) -> bool:
    return (
        (one.image_id, one.scale, one.grid) == (other.image_id, other.scale, other.grid)
        and torch.equal(one.pixels, other.pixels)
        and np.array_equal(one.classes, other.classes)
        and np.array_equal(one.edges, other.edges)
    )


def flat(batches: list[list[Scene]]) -> list[Scene]:
    return [scene for batch in batches for scene in batch]


def keys(scenes: list[Scene]) -> list[tuple[str, int, bool]]:
    return [(scene.image_id, scene.scale, scene.grid.flip) for scene in scenes]


@pytest.mark.parametrize("threads", [2, 5])
def test_the_stream_does_not_depend_on_the_threads(
    shards: list[Path], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overfeat.training.scenes._IN_HAND", 5)
    one, several = (list(scenes_of(shards, threads=t).epoch(3)) for t in (1, threads))
    assert [len(batch) for batch in one] == [len(batch) for batch in several]
    assert all(same(a, b) for a, b in zip(flat(one), flat(several), strict=True))


def test_another_seed_or_epoch_gives_another_stream(shards: list[Path]) -> None:
    first, again, seed, epoch = (
        keys(flat(list(scenes_of(shards, seed=seed).epoch(epoch)))) for seed, epoch in ((0, 0), (0, 0), (1, 0), (0, 1))
    )
    assert first == again
    for other in (seed, epoch):
        assert first != other
        assert {key[1:] for key in first} == {key[1:] for key in other}
        assert sorted(first) != sorted(other)  # not only the order


@pytest.mark.parametrize(("views", "expected"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_every_picture_is_shown_at_as_many_different_scales_as_asked(
    shards: list[Path], views: int, expected: int
) -> None:
    scenes = scenes_of(shards, views=views)
    assert scenes.pictures() == 17
    by_picture: dict[str, list[int]] = {}
    for image_id, scale, _ in keys(flat(list(scenes.epoch(0)))):
        by_picture.setdefault(image_id, []).append(scale)
    assert sorted(by_picture) == [f"train-{number:04d}" for number in range(17)]
    assert all(len(set(scales)) == len(scales) == expected for scales in by_picture.values())
    assert {scale for scales in by_picture.values() for scale in scales} == {1, 2, 4}


def test_half_is_mirrored_or_none(shards: list[Path]) -> None:
    flips = [key[2] for epoch in range(8) for key in keys(flat(list(scenes_of(shards).epoch(epoch))))]
    assert len(flips) == 272
    assert 100 < sum(flips) < 172
    assert not any(key[2] for key in keys(flat(list(scenes_of(shards, mirrored=False).epoch(0)))))


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_a_minibatch_has_one_size_and_scale_and_is_full_but_for_the_last_of_its_kind(
    shards: list[Path], batch_size: int
) -> None:
    batches = list(scenes_of(shards, batch_size=batch_size).epoch(0))
    unfinished = []
    for batch in batches:
        assert 1 <= len(batch) <= batch_size
        assert len({(scene.scale, scene.grid.input_hw, scene.pixels.shape) for scene in batch}) == 1
        if len(batch) < batch_size:
            unfinished.append((batch[0].scale, batch[0].grid.input_hw))
    assert len(unfinished) == len(set(unfinished))
    assert (batch_size == 1) == (not unfinished)


def test_as_tensors(shards: list[Path]) -> None:
    for batch in scenes_of(shards, batch_size=3).epoch(0):
        height, width = batch[0].grid.input_hw
        windows = len(batch[0].grid.windows())
        pixels, classes, edges = as_tensors(batch)
        assert pixels.shape == (len(batch), 3, height + 2 * MARGIN, width + 2 * MARGIN)
        assert (classes.shape, edges.shape) == ((len(batch), windows), (len(batch), windows, 4))
        assert (pixels.dtype, classes.dtype, edges.dtype) == (torch.uint8, torch.int64, torch.float32)
        for number, scene in enumerate(batch):
            assert torch.equal(pixels[number], scene.pixels)
            assert np.array_equal(classes[number], scene.classes)
            assert np.array_equal(edges[number], scene.edges)


def white_box(pixels: torch.Tensor, margin: int) -> list[int]:
    """Return where the picture is white, in pixels counted from the picture's corner, without its margin."""
    white = pixels.float().mean(0) > 187  # halfway between the rectangle and the brightest around it
    ys, xs = white.nonzero(as_tuple=True)
    return [int(xs.min()) - margin, int(ys.min()) - margin, int(xs.max()) + 1 - margin, int(ys.max()) + 1 - margin]


@pytest.mark.parametrize("margin", [0, 6, 12])
def test_the_taught_edges_frame_the_white_rectangle(shards: list[Path], margin: int) -> None:
    taught, flips = 0, set()
    scenes = flat(list(scenes_of(shards, margin=margin, views=3).epoch(0)))
    for scene in scenes:
        box = white_box(scene.pixels, margin)
        seen = scene.classes >= 0
        framed = decode(scene.edges[seen].astype(float), scene.grid.windows()[seen])
        np.testing.assert_allclose(framed, np.broadcast_to(box, framed.shape), atol=1.5)
        np.testing.assert_allclose(framed, np.broadcast_to(framed[:1], framed.shape), atol=1e-4)
        assert not scene.edges[~seen].any()
        classes = {int(index) for index in scene.classes[seen]}
        assert classes <= {int(scene.image_id[-4:]) % 2}
        taught += bool(classes)
        flips |= {scene.grid.flip}
    assert taught > len(scenes) / 4
    assert flips == {False, True}


def test_the_margin_has_the_mean_shade_and_lets_more_be_taught(shards: list[Path]) -> None:
    counts = []
    for margin in (0, MARGIN):
        scenes = flat(list(scenes_of(shards, margin=margin, views=3).epoch(0)))
        counts.append(sum(bool((scene.classes >= 0).any()) for scene in scenes))
        for scene in scenes if margin else ():
            rim = scene.pixels.clone()
            rim[:, margin:-margin, margin:-margin] = 118
            assert (rim == 118).all()
    assert counts[0] < counts[1]


def rewritten(shards: list[Path], change: Callable[[dict[str, Any]], dict[str, Any]]) -> list[Path]:
    """Write the shards anew, with every row changed, beside the old ones."""
    paths = []
    for shard in shards:
        rows = [row | change(row) for row in pq.read_table(shard).to_pylist()]
        paths.append(shard.with_name(f"new-{shard.name}"))
        write_table(paths[-1], {name: [row[name] for row in rows] for name in STORED_IMAGES.names}, STORED_IMAGES)
    return paths


@pytest.mark.parametrize(
    "change",
    [{"difficult": [True]}, {"crowd": [True]}, {"object_labels": ["dragon"]}],
    ids=str,
)
def test_what_sees_a_difficult_object_a_crowd_or_an_unknown_class_is_neither_object_nor_background(
    shards: list[Path], change: dict[str, Any]
) -> None:
    unclear = rewritten(shards, lambda row: change)
    pairs = zip(flat(list(scenes_of(shards).epoch(0))), flat(list(scenes_of(unclear).epoch(0))), strict=True)
    for clear, scene in pairs:
        assert torch.equal(clear.pixels, scene.pixels)
        assert (scene.classes < 0).all()
        assert (scene.classes[clear.classes != BACKGROUND] == IGNORED).all()
        assert not scene.edges.any()


def test_classes_are_those_of_the_labels_given(shards: list[Path]) -> None:
    streams = [flat(list(scenes_of(shards, labels=labels).epoch(0))) for labels in (["right", "left"], ["right"])]
    known, seen = set(), False
    for both, one in zip(*streams, strict=True):
        known |= {(int(both.image_id[-4:]) % 2, int(index)) for index in both.classes[both.classes >= 0]}
        seen |= bool((one.classes >= 0).any())
        np.testing.assert_array_equal(one.classes[both.classes == 0], 0)
        np.testing.assert_array_equal(one.classes[both.classes == 1], IGNORED)
    assert known == {(0, 1), (1, 0)}
    assert seen


def test_a_picture_without_objects_is_background(make_shards: Callable[..., Path]) -> None:
    shards = sorted(make_shards("train", images=6, objects=0, task="detection").glob("*"))
    scenes = flat(list(scenes_of(shards).epoch(0)))
    assert len(scenes) == 12
    for scene in scenes:
        assert (scene.classes == BACKGROUND).all()
        assert scene.edges.shape == (len(scene.classes), 4)
        assert not scene.edges.any()


def test_of_two_objects_each_window_is_taught_its_own(shards: list[Path]) -> None:
    corners = [[2.0, 2.0, 32.0, 32.0], [30.0, 30.0, 58.0, 58.0]]
    two = {"object_labels": ["left", "right"], "difficult": [False] * 2, "crowd": [False] * 2}
    both = rewritten(shards, lambda row: two | {"scaled_boxes": corners})
    found = set()
    for scene in flat(list(scenes_of(both, views=3).epoch(0))):
        (height, width), (high, wide) = scene.grid.input_hw, scene.grid.image_hw
        factors = np.array([width / wide, height / high] * 2) * 2  # they are stored at half their size
        for index, corner in enumerate(corners):
            seen = scene.classes == index
            box = np.array(corner) * factors
            if scene.grid.flip:
                box[[0, 2]] = width - box[[2, 0]]
            framed = decode(scene.edges[seen].astype(float), scene.grid.windows()[seen])
            np.testing.assert_allclose(framed, np.broadcast_to(box, framed.shape), atol=1e-4)
            found |= {(index, scene.grid.flip)} if seen.any() else set()
    assert found == {(0, False), (0, True), (1, False), (1, True)}
