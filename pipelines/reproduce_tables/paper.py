"""The rows of the paper's tables: how each decides, what the paper prints for it, and which other row it is to beat."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from overfeat.config import InferSettings, MergeSettings

Says = Literal["better", "worse"]
MEASURES = {
    "classification": ("top1_error", "top5_error"),
    "localization": ("error", "given_class_error"),
    "detection": ("ilsvrc_map", "voc_map"),
}
"""What is measured of the rows of each table, in percent; of these the maps are better the greater they are."""

FOUR = (1, 2, 4, 6)
"""What the paper calls four scales."""
ALL = (1, 2, 3, 4, 5, 6)
_EVERY = "all scales, merged"


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        table: "classification", "localization" or "detection".
        name: of the row.
        settings: how it decides; members (0,) is one net.
        paper: what the paper prints on ImageNet, in percent, by measure.
        net: of the paper whose number that is, where it is not the same for the whole table.
        than: name of the row that it is compared with.
        says: by measure, whether the paper has it better or worse than that row.
        per_class: a regressor with a box for every class looks.
    """

    table: str
    name: str
    settings: MergeSettings
    paper: Mapping[str, float] = field(default_factory=dict)
    net: str | None = None
    than: str | None = None
    says: Mapping[str, Says] = field(default_factory=dict)
    per_class: bool = False


def classification(members: int, mirrored: bool) -> list[Row]:
    """Return the rows of table 2.

    Args:
        members: nets of the ensemble; with less than two it has no row.
        mirrored: mirror images vote, too.
    """
    one = MergeSettings(members=(0,), flips=mirrored)
    four, views = "1 net, 4 scales, fine", f"1 net, {10 if mirrored else 5} views"
    rows = [
        _table2("1 net, scale 1, coarse", replace(one, scales=(1,), offsets="coarse"), (39.28, 17.12)),
        _table2("1 net, scale 1, fine", replace(one, scales=(1,)), (39.01, 16.97), "1 net, scale 1, coarse"),
        _table2(four, replace(one, scales=FOUR), (38.57, 16.39), "1 net, scale 1, fine"),
        _table2("1 net, 6 scales, fine", replace(one, scales=ALL), (38.12, 16.27), four),
        replace(
            _table2(views, replace(one, offsets="ten_views"), (35.60, 14.71), four, net="accurate"),
            says={"top1_error": "better", "top5_error": "worse"},  # of the accurate net: 35.74 and 14.18
        ),
    ]
    if members > 1:
        together = MergeSettings(scales=FOUR, flips=mirrored)
        rows.append(_table2(f"{members} nets, 4 scales, fine", together, (35.10, 13.86), four, net="7 fast"))
    return rows


def _table2(
    name: str, settings: MergeSettings, paper: tuple[float, float], than: str | None = None, net: str | None = None
) -> Row:
    measures = MEASURES["classification"]
    says: dict[str, Says] = dict.fromkeys(measures, "better") if than else {}
    return Row("classification", name, settings, dict(zip(measures, paper, strict=True)), net, than, says)


def localization() -> list[Row]:
    """Return the rows of figure 9, and two of ours: other ways of joining boxes.

    Without mirror images, which double the windows of all rows alike; a merge costs more than twice as much then.
    """
    one = MergeSettings(members=(0,), flips=False)
    four = replace(one, scales=FOUR)
    crop = replace(one, scales=(1,), offsets="centre")
    return [
        _figure9("one centre crop", crop, 40.0),
        _figure9("1 scale", replace(one, scales=(1,)), None, "one centre crop"),
        _figure9("2 scales", replace(one, scales=(1, 2)), 31.5, "1 scale"),
        _figure9("4 scales", four, 30.0, "2 scales"),
        _figure9("4 scales, a regressor per class", four, 44.1, "4 scales", "worse", per_class=True),
        _figure9("4 scales, literal match_score", replace(four, match="literal"), None, "4 scales", "worse"),
        _figure9("4 scales, NMS in place of merging", replace(four, boxes="nms"), None, "4 scales", "worse"),
    ]


def _figure9(
    name: str,
    settings: MergeSettings,
    paper: float | None,
    than: str | None = None,
    says: Says = "better",
    per_class: bool = False,
) -> Row:
    numbers = {} if paper is None else {"error": paper}
    claims: dict[str, Says] = dict.fromkeys(MEASURES["localization"], says) if than else {}
    return Row("localization", name, settings, numbers, None, than, claims, per_class)


def detection(infer: InferSettings) -> list[Row]:
    """Return the rows of detection: each scale alone, from which the best is taken, all scales, and NMS."""
    scales = infer.detection_scales or infer.scales
    one = MergeSettings(members=(0,))
    worse: dict[str, Says] = dict.fromkeys(MEASURES["detection"], "worse")
    alone = [
        Row("detection", f"scale {scale}", replace(one, detection_scales=(scale,)), than=_EVERY, says=worse)
        for scale in scales
    ]
    merged = Row("detection", _EVERY, one, {"ilsvrc_map": 24.3}, "19.4 in the competition")
    nms = Row("detection", "all scales, NMS in place of merging", replace(one, boxes="nms"), than=_EVERY, says=worse)
    return [*alone, merged, nms]
