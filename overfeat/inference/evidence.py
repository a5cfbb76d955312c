"""Evidence: what every window at every scale, flip and offset said, as rows of the windows table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from overfeat.config import InferSettings
from overfeat.images.resize import add_margin, resize_to
from overfeat.inference.dense import at_all_offsets
from overfeat.inference.window_boxes import boxes_of_map
from overfeat.inference.windows import WindowGrid, input_hw
from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat, normalize
from overfeat.models.regressor import Regressor
from overfeat.results.schemas import BOX_COLUMNS, WINDOWS


@dataclass(frozen=True)
class Picture:
    """A picture to be looked at: its pixels, uint8 ``(3, h, w)``, and the size ``(height, width)`` of the original."""

    image_id: str
    split: str
    pixels: Tensor
    original_hw: tuple[int, int]


@torch.inference_mode()
def gather_evidence(
    nets: Sequence[OverFeat],
    regressors: Sequence[Regressor],
    pictures: Sequence[Picture],
    settings: InferSettings,
    run: str,
    device: torch.device,
    margin: int = 0,
) -> pa.Table:
    """Return the windows of the pictures at all scales and flips, sorted as ``WINDOWS`` says.

    Classifier and regressor share one pass over the features.

    Args:
        nets: members of an ensemble, in evaluation mode, on ``device``, with the same table and ``class_names``.
        regressors: of the same members, in evaluation mode, on ``device``; or none, for evidence without boxes.
        pictures: sorted by image_id.
        settings: scales, flips, classes kept, memory.
        run: name of the run, kept in every row.
        device: where the networks are.
        margin: pixels put around every picture.
    """
    net = nets[0]
    tables = []
    for scale in settings.scales:
        for chunk in same_size_chunks(net.geometry, pictures, scale, settings.sizes, settings.batch_windows, margin):
            resized = [add_margin(resize_to(pictures[i].pixels, size), margin) for i, size in chunk]
            batch = torch.stack(resized).to(device)
            for flip in (False, True) if settings.flips else (False,):
                pixels = normalize(batch.flip(-1) if flip else batch).contiguous(memory_format=torch.channels_last)
                grids = [WindowGrid(net.geometry, size, pictures[i].original_hw, flip, margin) for i, size in chunk]
                order = np.array([i for i, _ in chunk], np.int32)
                for member, each in enumerate(nets):
                    heads = [each.classifier, *(r.head for r in regressors[member : member + 1])]
                    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                        outputs = at_all_offsets(heads, each.features(pixels), net.geometry.pool)
                    rows = _rows(net, [output.float().cpu() for output in outputs], grids, order, settings.top_k)
                    constant = {"member": member, "scale": scale}
                    tables.append(_with_constants(rows, constant))
    if not tables:
        return WINDOWS.empty_table()
    table = pa.concat_tables(tables)
    keys = [(name, "ascending") for name in ("picture", "member", "scale", "flip", "row", "col")]
    return _finish(table.sort_by(keys), net, pictures, run)


def same_size_chunks(
    geometry: Geometry,
    pictures: Sequence[Picture],
    scale: int,
    sizes: Literal["aspect", "paper"],
    batch_windows: int,
    margin: int = 0,
) -> Iterator[list[tuple[int, tuple[int, int]]]]:
    """Yield lists of (position, input size), one size a list, of at most ``batch_windows`` windows."""
    by_size: dict[tuple[int, int], list[int]] = {}
    for position, picture in enumerate(pictures):
        by_size.setdefault(input_hw(geometry, scale, *picture.original_hw, sizes), []).append(position)
    for size, positions in by_size.items():
        windows = geometry.fine_side(size[0] + 2 * margin) * geometry.fine_side(size[1] + 2 * margin)
        step = max(1, batch_windows // windows)
        for start in range(0, len(positions), step):
            yield [(position, size) for position in positions[start : start + step]]


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


def _rows(
    net: OverFeat, outputs: list[Tensor], grids: list[WindowGrid], order: NDArray[np.int32], top_k: int
) -> pa.Table:
    """Return the windows of a batch of maps as columns; pictures by position, labels by class index."""
    logits, *edges = outputs
    pool = net.geometry.pool
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
        "picture": np.repeat(order, windows // len(order)),
        "flip": np.full(windows, grids[0].flip),
        "row": rows,
        "col": cols,
        "offset_y": (rows % pool).astype(np.int8),
        "offset_x": (cols % pool).astype(np.int8),
        **{name: boxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
        "class": best.indices.numpy().astype(np.int32),
        "score": (best.values - log_partition.flatten()).exp().numpy(),
        "log_partition": log_partition.flatten().numpy(),
        "class_indices": _lists(offsets, classes.astype(np.int16)),
        "logits": _lists(offsets, by_window[kept].numpy()),
        **_box_columns(edges, grids, best.indices.numpy(), classes, offsets),
    }
    return pa.table(columns)


def _box_columns(
    edges: list[Tensor],
    grids: list[WindowGrid],
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


def _with_constants(rows: pa.Table, values: dict[str, int]) -> pa.Table:
    """Return the rows with more columns, each of one value."""
    for name, value in values.items():
        rows = rows.append_column(name, pa.array(np.full(rows.num_rows, value, np.int8)))
    return rows


def _finish(table: pa.Table, net: OverFeat, pictures: Sequence[Picture], run: str) -> pa.Table:
    """Put names in the place of numbers and bring the columns in the schema's order."""
    assert net.class_names is not None
    picture = table["picture"].combine_chunks()
    positions = picture.to_numpy()
    numbers = np.arange(len(positions)) - np.searchsorted(positions, positions)
    splits = sorted({p.split for p in pictures})
    split_of = np.array([splits.index(p.split) for p in pictures], np.int32)
    named = {
        "run": _dictionary(np.zeros(table.num_rows, np.int32), [run]),
        "image_id": _dictionary(picture, [p.image_id for p in pictures]),
        "split": _dictionary(split_of[positions], splits),
        "label": _dictionary(table["class"].combine_chunks(), net.class_names),
        "window": pa.array(numbers, pa.int32()),
    }
    return pa.table([named.get(name) if name in named else table[name] for name in WINDOWS.names], schema=WINDOWS)


def _dictionary(indices: Any, names: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(names, pa.string()))
