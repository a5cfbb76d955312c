"""The store of windows against the dense pass over the same pictures, and against plain loops over their windows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from overfeat.images.decode import decode
from overfeat.images.resize import resize_to
from overfeat.images.shards import read_columns, shard_paths
from overfeat.inference.dense import at_all_offsets, run_head
from overfeat.inference.windows import input_hw
from overfeat.models.network import OverFeat, initialize, normalize
from overfeat.models.tables import ModelTable, Stage
from overfeat.training import window_store
from overfeat.training.window_store import COLUMNS, SIZES, Views, WindowStore, make_store, store_cells

TABLE = ModelTable(
    "tiny",
    (Stage("conv", 8, 5, pool=2), Stage("conv", 16, 3, pad=1, pool=3), Stage("full", 16, 2), Stage("full", 0, 1)),
    ((0, 0), (1, 1), (2, 2)),
)
CLASSES = ["left", "right"]
VIEWS = Views((1, 3), mirrored=True, min_overlap=0.5)
CPU = torch.device("cpu")
Map = tuple[dict[str, Any], tuple[int, int], bool]


@pytest.fixture(scope="module")
def net() -> OverFeat:
    net = OverFeat(TABLE, len(CLASSES)).eval()
    initialize(net, "he", seed=0)
    return net


@pytest.fixture
def images(make_shards: Any) -> pa.Table:
    """Pictures with two objects each, but for one without and one with objects of unknown classes."""
    folder: Path = make_shards("train", images=7, side=30, objects=2)
    rows = read_columns(shard_paths(folder, "train"), COLUMNS).to_pylist()
    rows[1] |= {"object_labels": [], "scaled_boxes": []}
    rows[2]["object_labels"] = ["dragon", CLASSES[0]]
    rows[3]["object_labels"] = ["dragon", "dragon"]
    return pa.Table.from_pylist(rows)


def maps_of(images: pa.Table, net: OverFeat, views: Views) -> Iterator[Map]:
    """Yield picture, input size and flip of every map, in the store's order."""
    for row in images.to_pylist():
        for scale in views.scales:
            for flip in (False, True) if views.mirrored else (False,):
                yield row, input_hw(net.geometry, scale, row["height"], row["width"]), flip


def plain_windows(net: OverFeat, one: Map) -> list[tuple[int, int, int, list[float]]]:
    """The oracle: row, column, class and edges of the windows of a map that see half of an object."""
    row, (height, width), flip = one
    side, step = net.window, net.fine_stride
    objects = []
    for label, box in zip(row["object_labels"], row["scaled_boxes"], strict=True):
        x, y = width / row["stored_width"], height / row["stored_height"]
        x1, y1, x2, y2 = box[0] * x, box[1] * y, box[2] * x, box[3] * y
        objects.append((label, (width - x2, y1, width - x1, y2) if flip else (x1, y1, x2, y2)))
    found = []
    for top in range(0, height - side + 1, step):
        for left in range(0, width - side + 1, step):
            best, taught = 0.0, None
            for label, (x1, y1, x2, y2) in objects:
                seen = max(min(x2, left + side) - max(x1, left), 0) * max(min(y2, top + side) - max(y1, top), 0)
                if label in CLASSES and seen >= 0.5 * (x2 - x1) * (y2 - y1) and seen > best:
                    edges = [(x1 - left) / side - 0.5, (y1 - top) / side - 0.5]
                    edges += [(x2 - left) / side - 0.5, (y2 - top) / side - 0.5]
                    best, taught = seen, (top // step, left // step, CLASSES.index(label), edges)
            if taught:
                found.append(taught)
    return found


@pytest.mark.parametrize("views", [VIEWS, Views((2,), mirrored=False, min_overlap=0.5)], ids=str)
@torch.inference_mode()
def test_it_holds_the_windows_that_see_an_object_with_the_features_of_the_dense_pass(
    net: OverFeat, images: pa.Table, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_store, "_IMAGES_AT_ONCE", 3)
    store = make_store(images, net, views, CLASSES, threads=1, device=CPU)
    said = run_head(net.classifier, store.columns(np.arange(len(store.corners))))
    maps = list(maps_of(images, net, views))
    assert len(store.map_starts) == len(maps) + 1
    counts = []
    for number, one in enumerate(maps):
        row, size, flip = one
        expected = plain_windows(net, one)
        mine = slice(store.map_starts[number], store.map_starts[number + 1])
        counts.append(len(expected))
        assert store.classes[mine].tolist() == [which for _, _, which, _ in expected]
        edges = np.array([edges for *_, edges in expected]).reshape(-1, 4)
        np.testing.assert_allclose(store.edges[mine], edges, atol=1e-5)
        pixels = resize_to(decode(row["jpeg"]), size)
        features = net.features(normalize(pixels.flip(-1) if flip else pixels)[None])
        logits = at_all_offsets([net.classifier], features, net.geometry.pool)[0][0]
        cells = torch.tensor([(row, col) for row, col, _, _ in expected], dtype=torch.long).reshape(-1, 2)
        torch.testing.assert_close(said[:, mine], logits[:, cells[:, 0], cells[:, 1]], rtol=1e-4, atol=1e-5)
    of_picture = np.reshape(counts, (images.num_rows, -1)).sum(1)
    assert (of_picture[[1, 3]] == 0).all()
    assert (np.delete(of_picture, [1, 3]) > 0).all()
    assert store_cells(images.select(list(SIZES)), net, views) == len(store.cells)


def bare_store(counts: list[int], flips: int) -> WindowStore:
    starts = np.concatenate([[0], np.cumsum(counts)])
    none = np.zeros(starts[-1], np.int64)
    edges = np.zeros((starts[-1], 4), np.float32)
    return WindowStore(torch.zeros(0, 1), starts, none, none, edges, none, kernel=1, pool=1, flips=flips)


def map_of(store: WindowStore, windows: np.ndarray) -> np.ndarray:
    return np.searchsorted(store.map_starts, windows, side="right") - 1


def test_a_draw_takes_as_many_windows_of_every_map_that_has_any() -> None:
    store = bare_store([5, 0, 2, 100], flips=1)
    drawn = store.draw(np.random.default_rng(0), 4, one_flip=True)
    assert np.bincount(map_of(store, drawn), minlength=4).tolist() == [4, 0, 4, 4]
    np.testing.assert_array_equal(drawn, store.draw(np.random.default_rng(0), 4, one_flip=True))
    many = np.concatenate([store.draw(np.random.default_rng(seed), 4, one_flip=False) for seed in range(300)])
    assert set(many) == set(range(107))
    assert len(bare_store([0, 0], flips=1).draw(np.random.default_rng(0), 4, one_flip=False)) == 0


def test_one_flip_takes_one_of_each_pair() -> None:
    store = bare_store([3, 3] * 20, flips=2)
    seen = set()
    for seed in range(20):
        maps = map_of(store, store.draw(np.random.default_rng(seed), 5, one_flip=True))
        assert np.bincount(maps // 2).tolist() == [5] * 20
        assert len(set(maps)) == 20
        seen |= set(maps)
    assert seen == set(range(40))
    both = map_of(store, store.draw(np.random.default_rng(0), 5, one_flip=False))
    assert np.bincount(both).tolist() == [5] * 40
