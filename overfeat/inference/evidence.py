"""Evidence: what every window at every scale, flip and offset said, as rows of the windows table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import torch
from torch import Tensor

from overfeat.config import InferSettings
from overfeat.images.resize import add_margin, resize_to, resize_to_side
from overfeat.inference.batches import Picture, same_size_chunks
from overfeat.inference.dense import at_all_offsets
from overfeat.inference.evidence_rows import finish_rows, rows_of_maps
from overfeat.inference.ten_views import VIEWS, ViewGrid
from overfeat.inference.windows import WindowGrid
from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat, normalize
from overfeat.models.regressor import Regressor
from overfeat.results.schemas import DETECTION, TEN_VIEWS, WINDOWS


@dataclass(frozen=True)
class _Look:
    """A batch of network inputs, uint8 ``(N, 3, h, w)``, and the maps that it gives.

    Attributes:
        scale: number of the scale; ``TEN_VIEWS`` for the ten views.
        grids: of every map; N is a multiple of their number, the inputs of one map follow each other.
        positions: of the pictures of the maps.
        top_k: classes kept for every window.
        pool: how many offsets lie interleaved in each direction.
    """

    inputs: Tensor
    scale: int
    grids: Sequence[WindowGrid]
    positions: list[int]
    top_k: int
    pool: int


def for_task(task: str, settings: InferSettings) -> InferSettings:
    """Return the settings with which a task looks at pictures: detection has its own scales, and no ten views."""
    if task == DETECTION:
        return replace(settings, scales=settings.detection_scales or settings.scales, ten_view_side=None)
    return settings


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
        regressors: of the same members, or of the first ones, likewise; windows of the others have no boxes.
        pictures: sorted by image_id.
        settings: scales, flips, classes kept, memory; whether ten views are looked at, too.
        run: name of the run, kept in every row.
        device: where the networks are.
        margin: pixels put around every picture; the ten views have none.

    Raises:
        SettingsError: if the network has no such scale, or the ten views are smaller than its window.
    """
    net = nets[0]
    tables = []
    for look in _looks(net, pictures, settings, margin, device):
        pixels = normalize(look.inputs).contiguous(memory_format=torch.channels_last)
        for member, each in enumerate(nets):
            heads = [each.classifier, *(r.head for r in regressors[member : member + 1])]
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                outputs = at_all_offsets(heads, each.features(pixels), net.geometry.pool)
            maps = [_by_map(output.float().cpu(), len(look.grids)) for output in outputs]
            numbers = {"member": member, "scale": look.scale}
            tables.append(rows_of_maps(maps, look.grids, look.positions, look.top_k, look.pool, numbers))
    if not tables:
        return WINDOWS.empty_table()
    table = pa.concat_tables(tables)
    keys = [(name, "ascending") for name in ("picture", "member", "scale", "flip", "row", "col")]
    assert net.class_names is not None
    splits = {picture.image_id: picture.split for picture in pictures}
    return finish_rows(table.sort_by(keys), splits, net.class_names, run)


def _looks(
    net: OverFeat, pictures: Sequence[Picture], settings: InferSettings, margin: int, device: torch.device
) -> Iterator[_Look]:
    """Yield the inputs of all scales and flips, then those of the ten views, if these are wanted."""
    geometry, flips = net.geometry, (False, True) if settings.flips else (False,)
    for scale in settings.scales:
        for chunk in same_size_chunks(geometry, pictures, scale, settings.sizes, settings.batch_windows, margin):
            resized = [add_margin(resize_to(pictures[i].pixels, size), margin) for i, size in chunk]
            batch, positions = torch.stack(resized).to(device), [i for i, _ in chunk]
            for flip in flips:
                grids = [WindowGrid(geometry, size, pictures[i].original_hw, flip, margin) for i, size in chunk]
                inputs = batch.flip(-1) if flip else batch
                yield _Look(inputs, scale, grids, positions, settings.top_k, geometry.pool)
    if settings.ten_view_side is not None:
        step = max(1, settings.batch_windows // VIEWS)
        for start in range(0, len(pictures), step):
            chosen = range(start, min(start + step, len(pictures)))
            for flip in (False, True):
                views, crops = _five_views([pictures[i] for i in chosen], geometry, settings.ten_view_side, flip)
                # every class of every view is kept: the mean over views is of all of them
                yield _Look(crops.to(device), TEN_VIEWS, views, list(chosen), net.num_classes, 1)


def _five_views(
    pictures: Sequence[Picture], geometry: Geometry, side: int, flip: bool
) -> tuple[list[ViewGrid], Tensor]:
    """Return five crops of every picture, or of its mirror image, ``(5 * pictures, 3, window, window)``."""
    grids: list[ViewGrid] = []
    crops = []
    for picture in pictures:
        resized = resize_to_side(picture.pixels, side)
        height, width = resized.shape[-2:]
        grids.append(ViewGrid(geometry, (height, width), picture.original_hw, flip))
        crops.append(grids[-1].crops(resized.flip(-1) if flip else resized))
    return grids, torch.cat(crops)


def _by_map(outputs: Tensor, maps: int) -> Tensor:
    """Return ``(N, C, h, w)`` as ``(maps, C, rows, w)``: the outputs of one map's inputs below each other."""
    batch, channels, height, width = outputs.shape
    return outputs.reshape(maps, batch // maps, channels, height, width).movedim(1, 2).flatten(2, 3)
