"""SPEC 4: ten views, the baseline that dense evaluation is compared with."""

from typing import Any

import numpy as np
import pytest
import torch

from overfeat.config import InferSettings, MergeSettings
from overfeat.inference.batches import Picture
from overfeat.inference.decisions import class_scores
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.ten_views import ViewGrid
from overfeat.inference.votes import read_votes
from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat, initialize, normalize
from overfeat.models.tables import ACCURATE, FAST, MINI, ModelTable

FAST_VIEWS = [[0, 0, 231, 231], [25, 0, 256, 231], [0, 25, 231, 256], [25, 25, 256, 256], [12, 12, 243, 243]]
ACCURATE_VIEWS = [[0, 0, 221, 221], [35, 0, 256, 221], [0, 35, 221, 256], [35, 35, 256, 256], [17, 17, 238, 238]]


@pytest.mark.parametrize(("table", "views"), [(FAST, FAST_VIEWS), (ACCURATE, ACCURATE_VIEWS)])
def test_four_corners_and_the_centre_of_a_picture_of_256(table: ModelTable, views: list[list[int]]) -> None:
    grid = ViewGrid(Geometry(table), (256, 256), (256, 256), False)
    assert grid.windows().tolist() == views


def test_the_corners_of_a_picture_that_is_no_square_are_its_own() -> None:
    grid = ViewGrid(Geometry(ACCURATE), (256, 341), (256, 341), False)
    right, bottom, middle = 341 - 221, 256 - 221, (341 - 221) // 2
    assert grid.windows()[:, :2].tolist() == [[0, 0], [right, 0], [0, bottom], [right, bottom], [middle, 17]]


@pytest.mark.parametrize("flip", [False, True])
def test_views_are_those_pixels_of_the_picture_or_of_its_mirror_image(flip: bool) -> None:
    y, x = torch.meshgrid(torch.arange(256), torch.arange(300), indexing="ij")
    picture = torch.stack([x, y, x])  # every pixel knows its place
    grid = ViewGrid(Geometry(FAST), (256, 300), (512, 900), flip)  # of an original twice as high and thrice as wide
    views = grid.crops(picture.flip(-1) if flip else picture)
    assert views.shape == (5, 3, 231, 231)
    assert [int(view[1, 0, 0]) for view in views] == [0, 0, 25, 25, 12]
    assert [int(view[0, 0, 0]) for view in views] == ([299, 230, 299, 230, 265] if flip else [0, 69, 0, 69, 34])
    for view, (x1, y1, x2, y2) in zip(views, grid.fields_of_view() / [3, 2, 3, 2], strict=True):
        assert (int(view[0].min()), int(view[0].max()) + 1) == (x1, x2)
        assert (int(view[1].min()), int(view[1].max()) + 1) == (y1, y2)


NETS = []
for seed in range(2):
    NETS.append(OverFeat(MINI, 6).eval())
    initialize(NETS[-1], "he", seed)
    generator = torch.Generator().manual_seed(seed)
    torch.nn.init.normal_(NETS[-1].classifier[-1].weight, std=0.2, generator=generator)
    NETS[-1].class_names = list("abcdef")


@pytest.mark.parametrize("scores", ["probabilities", "logits"])
@pytest.mark.parametrize("members", [None, (1,)])
def test_the_vote_is_the_mean_over_ten_views_and_nets_of_probabilities_or_logits(scores: Any, members: Any) -> None:
    pixels = torch.randint(256, (3, 58, 71), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    infer = InferSettings(scales=(1,), ten_view_side=58, top_k=1)
    evidence = gather_evidence(NETS, [], [Picture("p", "val", pixels, (58, 71))], infer, "r", torch.device("cpu"))
    settings = MergeSettings(offsets="ten_views", scores=scores, members=members)
    corners = [(0, 0), (0, 19), (6, 0), (6, 19), (3, 9)]
    views = [image[:, y : y + 52, x : x + 52] for image in (pixels, pixels.flip(-1)) for y, x in corners]
    with torch.inference_mode():
        chosen = NETS if members is None else NETS[1:]
        logits = torch.cat([net(normalize(torch.stack(views))).flatten(1) for net in chosen])
    expected = (logits.softmax(1) if scores == "probabilities" else logits).mean(0)
    np.testing.assert_allclose(class_scores(read_votes(evidence, 6, settings))[0], expected, rtol=1e-4, atol=1e-6)


def test_the_smallest_side_is_brought_to_that_of_the_views_and_dense_votes_do_not_see_them() -> None:
    pixels = torch.randint(256, (3, 116, 142), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    picture = Picture("p", "val", pixels, (116, 142))
    assert InferSettings().ten_view_side is None
    said = [
        gather_evidence(
            NETS[:1], [], [picture], InferSettings(scales=(1,), ten_view_side=side), "r", torch.device("cpu")
        )
        for side in (58, None)
    ]
    views = said[0].to_pandas().query("scale == 0 and not flip")
    fields = views[["x1", "y1", "x2", "y2"]].to_numpy()
    # 142 x 116 becomes 71 x 58
    assert fields.tolist() == [
        [0, 0, 104, 104],
        [38, 0, 142, 104],
        [0, 12, 104, 116],
        [38, 12, 142, 116],
        [18, 6, 122, 110],
    ]
    with_views, without = (class_scores(read_votes(table, 6, MergeSettings())) for table in said)
    np.testing.assert_allclose(with_views, without, rtol=1e-5)
