"""The evidence of the windows that vote, as arrays (paper, section 3.3)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from overfeat.config import MergeSettings
from overfeat.errors import SettingsError
from overfeat.results.schemas import BOX_COLUMNS, TEN_VIEWS

Ints = NDArray[np.int64]
_MAP = ("member", "scale", "flip")


@dataclass(frozen=True)
class Votes:
    """Windows in the order of pictures and of their maps, and what they say of classes, an entry each.

    A map is one member's output for one picture at one scale and flip; each of ten views is a map of its own.

    Attributes:
        num_classes: C.
        image_ids, splits: of every picture.
        map_pictures, map_scales: picture and number of the scale of every map.
        window_maps: map of every window.
        windows: number of every window in its picture's evidence.
        boxes: regressed, in pixels of the original picture, float64 ``(windows, 4)``; NaN without a localizer.
        entry_windows, entry_classes, outputs: window, class and class output of every entry.
        entry_boxes: the box regressed for the entry's class ``(entries, 4)``; None where there is one for all classes.
    """

    num_classes: int
    image_ids: list[str]
    splits: list[str]
    map_pictures: Ints
    map_scales: Ints
    window_maps: Ints
    windows: Ints
    boxes: NDArray[np.float64]
    entry_windows: Ints
    entry_classes: Ints
    outputs: NDArray[np.float64]
    entry_boxes: NDArray[np.float64] | None

    @cached_property
    def window_pictures(self) -> Ints:
        """Picture of every window."""
        return self.map_pictures[self.window_maps]

    @cached_property
    def window_scales(self) -> Ints:
        """Number of the scale of every window."""
        return self.map_scales[self.window_maps]

    @cached_property
    def maxima(self) -> NDArray[np.float64]:
        """The greatest output of each class in each map ``(maps, C)``; without an entry, the least of that map."""
        maps = self.window_maps[self.entry_windows]
        count = len(self.map_pictures)
        maxima, least = np.full((count, self.num_classes), -np.inf), np.full(count, np.inf)
        np.maximum.at(maxima, (maps, self.entry_classes), self.outputs)
        np.minimum.at(least, maps, self.outputs)
        return np.where(np.isneginf(maxima), least[:, None], maxima)


def read_votes(windows: pa.Table, num_classes: int, settings: MergeSettings) -> Votes:
    """Return the votes of the windows that ``settings`` lets vote.

    Args:
        windows: evidence, sorted by image_id, member, scale, flip, row and col.
        num_classes: C.
        settings: which members, scales, flips and offsets vote, and whether with probabilities or logits.

    Raises:
        SettingsError: if a member, a scale or the ten views are asked for that the evidence does not hold.
    """
    windows = _voters(windows, settings)
    image = windows["image_id"].combine_chunks()
    codes = image.indices.to_numpy().astype(np.int64)
    new_picture = _changes([codes])
    scale, row = (windows[name].to_numpy().astype(np.int64) for name in ("scale", "row"))
    new_map = new_picture | _changes([windows[name].to_numpy().astype(np.int64) for name in _MAP])
    new_map |= (scale == TEN_VIEWS) & _changes([row])
    first, starts = np.flatnonzero(new_picture), np.flatnonzero(new_map)
    lists = windows["class_indices"].combine_chunks()
    lengths = np.diff(lists.offsets.to_numpy())
    outputs = windows["logits"].combine_chunks().flatten().to_numpy().astype(np.float64)
    if settings.scores == "probabilities":
        outputs = np.exp(outputs - np.repeat(windows["log_partition"].to_numpy(), lengths))
    class_boxes = windows["class_boxes"].combine_chunks().flatten().to_numpy()
    return Votes(
        num_classes=num_classes,
        image_ids=windows["image_id"].take(pa.array(first)).to_pylist(),
        splits=windows["split"].take(pa.array(first)).to_pylist(),
        map_pictures=(np.cumsum(new_picture) - 1)[starts],
        map_scales=scale[starts],
        window_maps=np.cumsum(new_map) - 1,
        windows=windows["window"].to_numpy().astype(np.int64),
        boxes=np.stack([windows[name].to_numpy() for name in BOX_COLUMNS], axis=1).astype(np.float64),
        entry_windows=np.repeat(np.arange(len(codes)), lengths),
        entry_classes=lists.flatten().to_numpy().astype(np.int64),
        outputs=outputs,
        entry_boxes=class_boxes.reshape(-1, 4).astype(np.float64) if len(class_boxes) else None,
    )


def _changes(columns: list[Ints]) -> NDArray[np.bool_]:
    """Say of every row whether one of the columns differs from the row before; the first row does."""
    changed = np.zeros(len(columns[0]), bool)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


def _voters(windows: pa.Table, settings: MergeSettings) -> pa.Table:
    """Keep the windows of the members, scales, flips and offsets that vote."""
    keep = pa.chunked_array([pa.array(np.ones(windows.num_rows, bool))])
    if settings.members is not None:
        keep = pc.and_(keep, _among(windows, "member", settings.members, "change merge.members"))
    if settings.offsets == "ten_views":
        keep = pc.and_(keep, _among(windows, "scale", (TEN_VIEWS,), "set infer.ten_view_side for the ten views"))
    elif settings.scales is not None:
        cure = "change merge.scales or infer.scales (for detections merge.detection_scales or infer.detection_scales)"
        keep = pc.and_(keep, _among(windows, "scale", settings.scales, cure))
    else:
        keep = pc.and_(keep, pc.not_equal(windows["scale"], TEN_VIEWS))
    if not settings.flips:
        keep = pc.and_(keep, pc.invert(windows["flip"]))
    if settings.offsets == "coarse":
        for name in ("offset_y", "offset_x"):
            keep = pc.and_(keep, pc.equal(windows[name], 0))
    if settings.offsets == "centre":
        keep = pc.and_(keep, pa.array(_central(windows)))
    return windows.filter(keep).unify_dictionaries()


def _among(windows: pa.Table, name: str, wanted: tuple[int, ...], cure: str) -> pa.ChunkedArray:
    """Say of every window whether its ``name`` is wanted. Raises SettingsError if a wanted one is nowhere."""
    held = set(pc.unique(windows[name]).to_pylist())
    missing = sorted(set(wanted) - held)
    if missing and windows.num_rows:
        raise SettingsError(f"{name}s {missing} are to vote, the evidence holds {sorted(held)}: {cure}")
    return pc.is_in(windows[name], pa.array(wanted, pa.int8()))


def _central(windows: pa.Table) -> NDArray[np.bool_]:
    """Say of every window whether it is the one in the middle of its map (the lower of two)."""
    columns = [windows["image_id"].unify_dictionaries().combine_chunks().indices.to_numpy().astype(np.int64)]
    columns += [windows[name].to_numpy().astype(np.int64) for name in _MAP]
    maps = np.cumsum(_changes(columns)) - 1
    central = np.ones(len(maps), bool)
    for name in ("row", "col"):
        cells = windows[name].to_numpy().astype(np.int64)
        last = np.zeros(int(maps[-1]) + 1 if len(maps) else 0, np.int64)
        np.maximum.at(last, maps, cells)
        central &= cells == (last // 2)[maps]
    return central
