"""The loader: every view once, the same whatever the threads, shuffled, and each crop where it should be."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from overfeat.errors import DatasetError
from overfeat.images.crops import crop_corners, image_key, uniforms
from overfeat.images.decode import decode
from overfeat.images.loader import Minibatch, TrainingViews
from overfeat.images.shards import read_columns, shard_paths


def views(folder: Path, **changes: Any) -> TrainingViews:
    settings: dict[str, Any] = {
        "shards": shard_paths(folder, "train"),
        "window": 52,
        "crops": 3,
        "flips": "both",
        "batch_size": 16,
        "seed": 1,
        "threads": 2,
    }
    return TrainingViews(**(settings | changes))


def together(batches: list[Minibatch]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.cat([b.images for b in batches]), torch.cat([b.labels for b in batches])


def test_every_view_comes_once_and_is_the_crop_it_claims(make_shards: Any) -> None:
    folder = make_shards()
    images, labels = together(list(views(folder).epoch(4)))
    table = read_columns(shard_paths(folder, "train"), ["image_id", "class_index", "jpeg"]).to_pylist()
    expected: Counter[tuple[bytes, int]] = Counter()
    for row in table:
        picture = decode(row["jpeg"])
        draws = uniforms(1, 4, np.array([image_key(row["image_id"])], np.uint64), 3)[0]
        for top, left in crop_corners(draws, *picture.shape[1:], 52):
            crop = picture[:, top : top + 52, left : left + 52]
            for view in (crop, crop.flip(-1)):
                expected[view.numpy().tobytes(), row["class_index"]] += 1
    got = Counter((image.numpy().tobytes(), int(label)) for image, label in zip(images, labels, strict=True))
    assert got == expected


def test_batches_are_full_but_the_last(make_shards: Any) -> None:
    sizes = [len(batch.labels) for batch in views(make_shards()).epoch(0)]
    assert sizes == [16] * 15  # 40 pictures, 3 crops, 2 mirror images
    sizes = [len(batch.labels) for batch in views(make_shards(), batch_size=100).epoch(0)]
    assert sizes == [100, 100, 40]


def test_the_stream_does_not_depend_on_threads(make_shards: Any) -> None:
    folder = make_shards()
    one, _ = together(list(views(folder, threads=1).epoch(2)))
    four, _ = together(list(views(folder, threads=4).epoch(2)))
    assert torch.equal(one, four)


def test_epochs_and_seeds_differ(make_shards: Any) -> None:
    folder = make_shards()
    base, labels = together(list(views(folder).epoch(0)))
    for other in (views(folder).epoch(1), views(folder, seed=2).epoch(0)):
        images, other_labels = together(list(other))
        assert not torch.equal(images, base)
        assert torch.equal(other_labels.bincount(), labels.bincount())


def test_the_views_of_a_picture_are_spread_over_minibatches(make_shards: Any) -> None:
    folder = make_shards(images=200, shards=3)
    batches = list(views(folder, crops=5, batch_size=50).epoch(0))
    shares = [float(batch.labels.float().mean()) for batch in batches]
    assert min(shares) > 0.2
    assert max(shares) < 0.8


@pytest.mark.parametrize(("flips", "count"), [("none", 120), ("random", 120), ("both", 240)])
def test_flips(make_shards: Any, flips: str, count: int) -> None:
    folder = make_shards()
    loader = views(folder, flips=flips)
    images, _ = together(list(loader.epoch(0)))
    assert len(images) == count == 40 * loader.views_per_image
    plain, _ = together(list(views(folder, flips="none").epoch(0)))
    straight = {image.numpy().tobytes() for image in plain}
    share = np.mean([image.numpy().tobytes() in straight for image in images])
    assert {"none": share == 1, "random": 0.3 < share < 0.7, "both": share == 0.5}[flips]


def test_a_picture_smaller_than_the_window_is_an_error_with_advice(make_shards: Any) -> None:
    with pytest.raises(DatasetError, match=r"set preprocess\.train_side to at least 61"):
        list(views(make_shards(), window=61).epoch(0))


def test_leaving_early_stops_the_threads(make_shards: Any) -> None:
    import threading

    stream = views(make_shards(images=200)).epoch(0)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith(("loader", "decode"))]


def parts(folder: Path, ranks: int, **changes: Any) -> list[list[Minibatch]]:
    """Return each rank's parts of the minibatches of an epoch."""
    return [list(views(folder, rank=rank, ranks=ranks, **changes).epoch(3)) for rank in range(ranks)]


def as_bytes(batches: list[Minibatch]) -> Counter[tuple[bytes, int]]:
    """Return the views of some parts, but for black ones."""
    real = [batch for batch in batches if batch.share]
    return Counter(
        (image.numpy().tobytes(), int(label)) for b in real for image, label in zip(b.images, b.labels, strict=True)
    )


@pytest.mark.parametrize(("ranks", "crops", "flips", "batch_size"), [(2, 3, "both", 16), (3, 1, "none", 13)])
def test_the_parts_of_all_ranks_are_the_minibatches_of_one(
    make_shards: Any, ranks: int, crops: int, flips: str, batch_size: int
) -> None:
    folder, settings = make_shards(), {"crops": crops, "flips": flips, "batch_size": batch_size}
    whole = list(views(folder, **settings).epoch(3))
    assert [batch.share for batch in whole] == [1.0] * len(whole)
    of_ranks = parts(folder, ranks, **settings)
    assert [len(of_rank) for of_rank in of_ranks] == [len(whole)] * ranks
    for batch, of_batch in zip(whole, zip(*of_ranks, strict=True), strict=True):
        assert as_bytes(list(of_batch)) == as_bytes([batch])
        assert sum(part.share for part in of_batch) == pytest.approx(1)
        assert all(part.share in (0, len(part.labels) / len(batch.labels)) for part in of_batch)


def test_no_picture_is_decoded_by_two_ranks(make_shards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, decoded = make_shards(), []

    def counted(jpeg: bytes) -> torch.Tensor:
        decoded.append(jpeg)
        return decode(jpeg)

    monkeypatch.setattr("overfeat.images.loader.decode", counted)
    by_rank = []
    for rank in range(2):
        list(views(folder, rank=rank, ranks=2).epoch(0))
        by_rank.append(set(decoded))
        assert len(decoded) == len(by_rank[-1]) > 15  # and none twice
        decoded.clear()
    assert not by_rank[0] & by_rank[1]
    assert len(by_rank[0] | by_rank[1]) == 40


def test_a_rank_without_a_view_of_a_minibatch_has_a_black_one_that_does_not_count(make_shards: Any) -> None:
    first, second = parts(make_shards(images=41), 2, crops=1, flips="none", batch_size=20)
    assert [batch.share for batch in first] == [0.5, 0.5, 1.0]
    assert [batch.share for batch in second] == [0.5, 0.5, 0.0]
    assert second[-1].images.shape == (1, 3, 52, 52)
    assert not second[-1].images.any()
    assert second[-1].labels.tolist() == [0]


def test_every_rank_finds_a_picture_that_is_too_small(make_shards: Any) -> None:
    folder = make_shards(images=3, shards=1)
    for rank in range(4):
        with pytest.raises(DatasetError, match=r"set preprocess\.train_side to at least 61"):
            list(views(folder, window=61, rank=rank, ranks=4).epoch(0))
