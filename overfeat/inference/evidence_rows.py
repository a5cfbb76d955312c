"""What the networks said of maps of windows, as rows of the windows table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from overfeat.inference.window_boxes import boxes_of_map
from overfeat.inference.windows import WindowGrid
from overfeat.results.schemas import BOX, BOX_COLUMNS, WINDOWS


def rows_of_maps(
    outputs: Sequence[Tensor],
    grids: Sequence[WindowGrid],
    positions: Sequence[int],
    top_k: int,
    pool: int,
    numbers: Mapping[str, int],
) -> pa.Table:
    """Return the windows of a batch of maps as columns; pictures by position, labels by class index.

    Args:
        outputs: logits ``(maps, C, rows, cols)``; and, with a regressor, edges ``(maps, 4 * K, rows, cols)``.
        grids: of the maps, all of one shape and flip.
        positions: of the maps' pictures.
        top_k: classes kept for every window, see :func:`kept_entries`.
        pool: side of the pattern in which offsets are interleaved.
        numbers: columns of one value: member and scale.
    """
    logits, *edges = outputs
    log_partition = logits.logsumexp(1)
    kept = kept_entries(logits, log_partition, top_k, pool).movedim(1, -1).flatten(0, 2)  # (windows, C)
    by_window = logits.movedim(1, -1).flatten(0, 2)
    counts = kept.sum(1).numpy()
    offsets = np.concatenate([[0], np.cumsum(counts)])
    classes = kept.nonzero()[:, 1].numpy()
    best = by_window.max(1)
    rows, cols = (np.concatenate(part) for part in zip(*(grid.cells() for grid in grids), strict=True))
    boxes = np.concatenate([grid.fields_of_view() for grid in grids])
    windows = len(rows)
    columns: dict[str, Any] = {
        "picture": np.repeat(np.array(positions, np.int32), windows // len(positions)),
        **{name: np.full(windows, value, np.int8) for name, value in numbers.items()},
        "flip": np.full(windows, grids[0].flip),
        "row": rows,
        "col": cols,
        "offset_y": (rows % pool).astype(np.int8),
        "offset_x": (cols % pool).astype(np.int8),
        **{name: boxes[:, i] for i, name in enumerate(BOX)},
        "class": best.indices.numpy().astype(np.int32),
        "score": (best.values - log_partition.flatten()).exp().numpy(),
        "log_partition": log_partition.flatten().numpy(),
        "class_indices": _lists(offsets, classes.astype(np.int16)),
        "logits": _lists(offsets, by_window[kept].numpy()),
        **_box_columns(edges, grids, best.indices.numpy(), classes, offsets),
    }
    return pa.table(columns)


def kept_entries(logits: Tensor, log_partition: Tensor, top_k: int, pool: int) -> Tensor:
    """Say which (window, class) entries of a map go to the table.

    Kept are each window's ``top_k`` classes, and for each class the window where it is greatest: among all windows
    and among the coarse ones, by logit and by probability. The decision takes nothing but these maxima, whatever
    its settings, so that no class is lost to it.

    Args:
        logits: ``(N, C, H, W)``.
        log_partition: ``(N, H, W)``.
        top_k: classes a window.
        pool: size of the last pool; every ``pool``-th row and column is coarse.

    Returns:
        Booleans ``(N, C, H, W)``.
    """
    kept = torch.zeros_like(logits, dtype=torch.bool)
    kept.scatter_(1, logits.topk(min(top_k, logits.shape[1]), dim=1).indices, True)
    for values in (logits, logits - log_partition[:, None]):
        for view in (slice(None), slice(None, None, pool)):
            grid = values[..., view, view]
            greatest = grid.flatten(2).argmax(2, keepdim=True)
            mask = torch.zeros_like(grid.flatten(2), dtype=torch.bool).scatter_(2, greatest, True)
            kept[..., view, view] |= mask.reshape(grid.shape)
    return kept


def finish_rows(table: pa.Table, splits: Mapping[str, str], class_names: list[str], run: str) -> pa.Table:
    """Put names in the place of numbers and bring the columns in the schema's order.

    Args:
        table: rows of :func:`rows_of_maps`, sorted by picture.
        splits: split by image_id, in the order of the pictures' positions.
        class_names: labels by class index.
        run: name of the run.
    """
    picture = table["picture"].combine_chunks()
    positions = picture.to_numpy()
    numbers = np.arange(len(positions)) - np.searchsorted(positions, positions)
    known = sorted(set(splits.values()))
    split_of = np.array([known.index(split) for split in splits.values()], np.int32)
    named = {
        "run": _dictionary(np.zeros(table.num_rows, np.int32), [run]),
        "image_id": _dictionary(picture, list(splits)),
        "split": _dictionary(split_of[positions], known),
        "label": _dictionary(table["class"].combine_chunks(), class_names),
        "window": pa.array(numbers, pa.int32()),
    }
    return pa.table([named.get(name) if name in named else table[name] for name in WINDOWS.names], schema=WINDOWS)


def _box_columns(
    edges: list[Tensor],
    grids: Sequence[WindowGrid],
    best: NDArray[np.int64],
    classes: NDArray[np.int64],
    offsets: NDArray[np.int64],
) -> dict[str, Any]:
    """Return the regressed box of each window's best class and, if every class has its own, those of all kept ones."""
    windows = len(best)
    if not edges:
        return {**{name: pa.nulls(windows, pa.float32()) for name in BOX_COLUMNS}, "class_boxes": _no_lists(windows)}
    said = edges[0].movedim(1, -1).flatten(1, 2).double().numpy()  # (maps, windows of a map, 4 * K)
    maps = zip(said, grids, strict=True)
    boxes = np.concatenate([boxes_of_map(one.reshape(len(one), -1, 4), grid) for one, grid in maps])
    own = best if boxes.shape[1] > 1 else np.zeros(windows, np.int64)
    chosen = boxes[np.arange(windows), own]
    columns: dict[str, Any] = {name: chosen[:, i] for i, name in enumerate(BOX_COLUMNS)}
    if boxes.shape[1] == 1:
        return {**columns, "class_boxes": _no_lists(windows)}
    kept = boxes[np.repeat(np.arange(windows), np.diff(offsets)), classes]
    return {**columns, "class_boxes": _lists(4 * offsets, kept.ravel())}


def _lists(offsets: NDArray[np.int64], values: NDArray[Any]) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values))


def _no_lists(count: int) -> pa.Array:
    return pa.nulls(count, pa.list_(pa.float32()))


def _dictionary(indices: Any, names: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(names, pa.string()))
