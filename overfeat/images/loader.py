"""The training loader: every picture is decoded once an epoch for all of its random crops and their mirror images.

Shards are drawn in a random order and a few are held at once; the pictures in hand are shuffled, decoded by threads
(the decoder releases the interpreter's lock) a group at a time, and the views of a group are shuffled into
minibatches. The stream depends on the seed, the epoch and the shards alone, not on the number of threads. Where several
processes train together, all follow the same stream, and each decodes and cuts its own pictures alone.
"""

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from overfeat.errors import DatasetError
from overfeat.images.crops import crop_corners, image_key, uniforms
from overfeat.images.decode import decode
from overfeat.images.owners import Owners
from overfeat.images.shards import read_columns

_IMAGES_IN_HAND = 16384
_GROUP_IMAGES = 256
_BATCHES_AHEAD = 4


@dataclass(frozen=True, slots=True)
class View:
    """A crop to be cut: of which picture in hand, from where, mirrored or not."""

    image: "Future[Tensor] | None"
    """None where another process cuts the view."""
    top: int
    left: int
    mirrored: bool
    class_index: int


_ELSEWHERE = View(None, 0, 0, False, 0)


@dataclass(frozen=True, slots=True)
class Minibatch:
    """Views ready to be trained on, or one process's part of them.

    Attributes:
        images: uint8 ``(B, 3, window, window)``, never empty: without a view of its own a process has a black one.
        labels: class indices, int64 ``(B,)``.
        share: of the minibatch's views that are here: 1 for all, 0 for the black one.
    """

    images: Tensor
    labels: Tensor
    share: float = 1.0


@dataclass(frozen=True)
class TrainingViews:
    """Minibatches of random crops.

    Attributes:
        shards: the files of the training split.
        window: side of a crop, in pixels; no stored picture may be smaller.
        crops: random crops a picture and epoch.
        flips: "both" shows each crop and its mirror image, "random" one of the two, "none" the crop as it is.
        batch_size: views a minibatch; the last of an epoch may be smaller.
        seed: of the order and the crops.
        threads: that decode and cut.
        rank: number of this process among those that train together; it yields its part of every minibatch.
        ranks: how many those are.
    """

    shards: Sequence[Path]
    window: int
    crops: int
    flips: Literal["both", "random", "none"]
    batch_size: int
    seed: int
    threads: int
    rank: int = 0
    ranks: int = 1

    @property
    def views_per_image(self) -> int:
        """Views of one picture in an epoch."""
        return self.crops * (2 if self.flips == "both" else 1)

    def epoch(self, epoch: int) -> Iterator[Minibatch]:
        """Yield the minibatches of an epoch, made ahead by threads."""
        batches: queue.Queue[Minibatch | BaseException | None] = queue.Queue(_BATCHES_AHEAD)
        stop = threading.Event()

        def put(item: Minibatch | BaseException | None) -> None:
            while not stop.is_set():
                try:
                    batches.put(item, timeout=0.1)
                    return
                except queue.Full:
                    continue

        def produce() -> None:
            try:
                for batch in self.batches(epoch):
                    put(batch)
                    if stop.is_set():
                        return
                put(None)
            except BaseException as error:  # handed to the consumer, who raises it
                put(error)

        thread = threading.Thread(target=produce, name="loader", daemon=True)
        thread.start()
        try:
            while (item := batches.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stop.set()
            thread.join()

    def batches(self, epoch: int) -> Iterator[Minibatch]:
        """Yield the minibatches of an epoch, without working ahead of the consumer by more than one group."""
        with ThreadPoolExecutor(self.threads, thread_name_prefix="decode") as pool:
            waiting: list[View] = []
            for group in self._groups(epoch, pool):
                waiting += group
                full = len(waiting) - len(waiting) % self.batch_size
                minibatches = [waiting[i : i + self.batch_size] for i in range(0, full, self.batch_size)]
                waiting = waiting[full:]
                yield from pool.map(self._cut, minibatches)
            if waiting:
                yield self._cut(waiting)

    def _groups(self, epoch: int, pool: ThreadPoolExecutor) -> Iterator[list[View]]:
        """Yield the shuffled views of a few hundred pictures at a time, the next group already being decoded."""
        ready: list[View] = []
        order = np.random.default_rng([self.seed, epoch])
        owners = Owners(self.ranks, self.batch_size)
        for table in self._tables(order):
            keys = np.array([image_key(i) for i in table["image_id"].to_pylist()], np.uint64)
            draws = uniforms(self.seed, epoch, keys, self.crops)
            permuted = order.permutation(table.num_rows)
            for start in range(0, table.num_rows, _GROUP_IMAGES):
                rows = permuted[start : start + _GROUP_IMAGES]
                shuffled = order.permutation(len(rows) * self.views_per_image)
                mine = owners.of_group(shuffled, len(rows)) == self.rank
                views: list[View] = []
                for row, own in zip(rows, mine, strict=True):
                    views += self._views(table, int(row), draws[row], pool if own else None)
                if ready:
                    yield ready
                ready = [views[i] for i in shuffled]
        if ready:
            yield ready

    def _tables(self, order: np.random.Generator) -> Iterator[pa.Table]:
        """Yield the shards in a random order, as many at once as hold about ``_IMAGES_IN_HAND`` pictures."""
        columns = ["image_id", "class_index", "stored_width", "stored_height", "jpeg"]
        taken: list[pa.Table] = []
        for shard in order.permutation(len(self.shards)):
            taken.append(read_columns([self.shards[shard]], columns))
            if sum(t.num_rows for t in taken) >= _IMAGES_IN_HAND:
                yield pa.concat_tables(taken).combine_chunks()
                taken = []
        if taken:
            yield pa.concat_tables(taken).combine_chunks()

    def _views(
        self, table: pa.Table, row: int, draws: NDArray[np.float64], pool: ThreadPoolExecutor | None
    ) -> Iterator[View]:
        """Yield the views of a picture, which the pool begins to decode; without one the picture is another's."""
        width, height = table["stored_width"][row].as_py(), table["stored_height"][row].as_py()
        if min(width, height) < self.window:
            raise DatasetError(
                f"picture {table['image_id'][row]} is stored at {width}x{height}, less than the window of "
                f"{self.window}: set preprocess.train_side to at least {self.window}"
            )
        if pool is None:
            yield from repeat(_ELSEWHERE, self.views_per_image)
            return
        image = pool.submit(decode, table["jpeg"][row].as_py())
        class_index = table["class_index"][row].as_py()
        corners = crop_corners(draws, height, width, self.window).tolist()
        for (top, left), coin in zip(corners, draws[:, 2], strict=True):
            mirrors = {"both": (False, True), "random": (bool(coin < 0.5),), "none": (False,)}[self.flips]
            for mirrored in mirrors:
                yield View(image, top, left, mirrored, class_index)

    def _cut(self, views: list[View]) -> Minibatch:
        """Return the minibatch of these views, or this process's part of it."""
        own = [(view, view.image) for view in views if view.image is not None]
        if not own:
            black = torch.zeros((1, 3, self.window, self.window), dtype=torch.uint8)
            return Minibatch(black, torch.zeros(1, dtype=torch.int64), 0.0)
        images = torch.empty((len(own), 3, self.window, self.window), dtype=torch.uint8)
        for target, (view, image) in zip(images, own, strict=True):
            rows, columns = slice(view.top, view.top + self.window), slice(view.left, view.left + self.window)
            crop = image.result()[:, rows, columns]
            target.copy_(crop.flip(-1) if view.mirrored else crop)
        return Minibatch(images, torch.tensor([view.class_index for view, _ in own]), len(own) / len(views))
