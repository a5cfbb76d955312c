"""The vote of ten views against torchvision's ten crops through the plain network, and what it leaves alone."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.functional import five_crop

from overfeat.config import InferSettings, MergeSettings
from overfeat.errors import SettingsError
from overfeat.images.resize import resize_to_side
from overfeat.inference.batches import Picture
from overfeat.inference.decisions import class_scores
from overfeat.inference.detection import for_detection
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.localization import localize
from overfeat.inference.ten_views import ViewGrid
from overfeat.inference.votes import read_votes
from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat, initialize, normalize
from overfeat.models.regressor import Regressor
from overfeat.models.tables import MINI

CLASSES, SIDE, CPU = 7, 58, torch.device("cpu")
MINI_WINDOW = Geometry(MINI).window
INFER = InferSettings(scales=(1,), ten_view_side=SIDE, top_k=1, batch_windows=10)
TEN = MergeSettings(offsets="ten_views")


def make_net(seed: int) -> OverFeat:
    net = OverFeat(MINI, CLASSES).eval()
    initialize(net, "he", seed)
    torch.nn.init.normal_(net.classifier[-1].weight, std=0.2, generator=torch.Generator().manual_seed(seed))
    net.class_names = [f"c{i}" for i in range(CLASSES)]
    return net


NETS = [make_net(seed) for seed in range(2)]


def make_pictures() -> list[Picture]:
    generator = torch.Generator().manual_seed(0)
    sizes = [(58, 58), (60, 91), (75, 63)]
    return [
        Picture(f"p{i}", "val", torch.randint(256, (3, h, w), dtype=torch.uint8, generator=generator), (2 * h, 2 * w))
        for i, (h, w) in enumerate(sizes)
    ]


def evidence(nets: list[OverFeat], regressors: tuple[Regressor, ...] = (), infer: InferSettings = INFER) -> Any:
    return gather_evidence(nets, regressors, make_pictures(), infer, "run", CPU)


@torch.inference_mode()
def plain_scores(nets: list[OverFeat], picture: Picture, scores: str) -> np.ndarray:
    """The oracle: the mean over torchvision's crops of the picture and of its mirror image."""
    resized = resize_to_side(picture.pixels, SIDE)
    crops = [crop for image in (resized, resized.flip(-1)) for crop in five_crop(image, [MINI_WINDOW, MINI_WINDOW])]
    logits = torch.cat([net(normalize(torch.stack(crops))).flatten(1) for net in nets])
    return np.asarray((logits.softmax(1) if scores == "probabilities" else logits).mean(0))


@pytest.mark.parametrize("scores", ["probabilities", "logits"])
@pytest.mark.parametrize("members", [1, 2])
def test_equals_the_mean_over_ten_crops(members: int, scores: Any) -> None:
    votes = read_votes(evidence(NETS[:members]), CLASSES, MergeSettings(offsets="ten_views", scores=scores))
    for picture, row in zip(make_pictures(), class_scores(votes), strict=True):
        np.testing.assert_allclose(row, plain_scores(NETS[:members], picture, scores), rtol=1e-4, atol=1e-6)


@given(
    height=st.integers(MINI_WINDOW, 150),
    width=st.integers(MINI_WINDOW, 150),
    flip=st.booleans(),
)
def test_the_crops_are_where_the_rows_say(height: int, width: int, flip: bool) -> None:
    grid = ViewGrid(Geometry(MINI), (height, width), (2 * height, 3 * width), flip)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = torch.stack([y, x, y])  # every pixel knows its place
    seen = grid.crops(image.flip(-1) if flip else image)
    for crop, (x1, y1, x2, y2) in zip(seen, grid.fields_of_view() / [3, 2, 3, 2], strict=True):
        assert (crop[0].min(), crop[0].max() + 1) == (y1, y2)
        assert (crop[1].min(), crop[1].max() + 1) == (x1, x2)
    assert grid.cells()[0].tolist() == [0, 1, 2, 3, 4]


def test_dense_decisions_do_not_see_them() -> None:
    with_views, without = evidence(NETS[:1]), evidence(NETS[:1], infer=InferSettings(scales=(1,), top_k=1))
    for settings in (MergeSettings(), MergeSettings(offsets="coarse"), MergeSettings(offsets="centre")):
        scores = [class_scores(read_votes(table, CLASSES, settings)) for table in (with_views, without)]
        np.testing.assert_allclose(*scores, rtol=1e-6)
    assert for_detection(TEN).offsets == "fine"


def test_rows_of_ten_views() -> None:
    frame = evidence(NETS[:1]).to_pandas().query("scale == 0")
    assert frame.groupby(["image_id", "flip"], observed=True)["row"].apply(list).tolist() == [[0, 1, 2, 3, 4]] * 6
    assert (frame[["col", "offset_y", "offset_x"]] == 0).all().all()
    assert (frame["class_indices"].map(len) == CLASSES).all()


def test_boxes_of_ten_views_are_merged_too() -> None:
    regressor = Regressor(MINI, NETS[0].class_names or []).eval()
    initialize(regressor, "he", 0)
    votes = read_votes(evidence(NETS[:1], (regressor,)), CLASSES, TEN)
    guesses = localize(votes, TEN)
    assert len(np.unique(guesses.pictures)) == 3
    assert np.isfinite(guesses.boxes).all()


def test_a_member_alone_votes_as_if_there_were_no_other() -> None:
    for number in (0, 1):
        both = read_votes(evidence(NETS), CLASSES, MergeSettings(members=(number,)))
        alone = read_votes(evidence(NETS[number : number + 1]), CLASSES, MergeSettings())
        np.testing.assert_allclose(class_scores(both), class_scores(alone), rtol=1e-5)


def test_several_members_are_averaged() -> None:
    each = [class_scores(read_votes(evidence([net]), CLASSES, MergeSettings())) for net in NETS]
    together = class_scores(read_votes(evidence(NETS), CLASSES, MergeSettings()))
    np.testing.assert_allclose(together, np.mean(each, axis=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            MergeSettings(members=(0, 2)),
            r"members \[2\] are to vote, the evidence holds \[0, 1\]: change merge.members",
        ),
        (TEN, r"scales \[0\] are to vote, the evidence holds \[1\]: set infer.ten_view_side"),
    ],
)
def test_what_the_evidence_does_not_hold_is_refused(settings: MergeSettings, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read_votes(evidence(NETS, infer=InferSettings(scales=(1,))), CLASSES, settings)


def test_views_smaller_than_a_window_are_refused() -> None:
    with pytest.raises(SettingsError, match=f"ten_view_side must be at least the window of the network, {MINI_WINDOW}"):
        evidence(NETS[:1], infer=InferSettings(scales=(1,), ten_view_side=MINI_WINDOW - 1))
