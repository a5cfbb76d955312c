"""The decision from the evidence against the same decision made from the whole maps."""

from typing import Any

import numpy as np
import pytest
import torch

from overfeat.config import InferSettings, MergeSettings
from overfeat.errors import SettingsError
from overfeat.images.resize import resize_to
from overfeat.inference.batches import Picture
from overfeat.inference.decisions import class_scores, classifications
from overfeat.inference.dense import dense
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.votes import read_votes
from overfeat.inference.windows import input_hw
from overfeat.models.network import OverFeat, initialize, normalize
from overfeat.models.tables import ModelTable, Stage
from overfeat.results.schemas import CLASSIFICATIONS, WINDOWS

CLASSES = 12
TABLE = ModelTable(
    "tiny",
    (Stage("conv", 8, 5, pool=2), Stage("conv", 16, 3, pad=1, pool=3), Stage("full", 16, 2), Stage("full", 0, 1)),
    ((0, 0), (1, 1), (2, 2)),
)
CPU = torch.device("cpu")


def make_nets(count: int) -> list[OverFeat]:
    nets = []
    for seed in range(count):
        net = OverFeat(TABLE, CLASSES).eval()
        initialize(net, "he", seed)
        net.class_names = [f"class {i:02d}" for i in range(CLASSES)]
        nets.append(net)
    return nets


def make_pictures() -> list[Picture]:
    generator = torch.Generator().manual_seed(0)
    sizes = [(40, 40), (40, 61), (75, 33), (40, 40), (50, 44)]
    shapes = enumerate(sizes)
    return [
        Picture(f"p{i}", "val", torch.randint(256, (3, h, w), dtype=torch.uint8, generator=generator), (2 * h, 2 * w))
        for i, (h, w) in shapes
    ]


@torch.inference_mode()
def plain_scores(nets: list[OverFeat], picture: Picture, infer: InferSettings, merge: MergeSettings) -> np.ndarray:
    """The oracle: spatial maximum of each map, mean over maps, straight from the network."""
    votes = []
    for net in nets:
        for scale in merge.scales or infer.scales:
            size = input_hw(net.geometry, scale, *picture.original_hw, infer.sizes)
            pixels = resize_to(picture.pixels, size)
            for flip in (False, True) if merge.flips and infer.flips else (False,):
                logits = dense(net, normalize(pixels.flip(-1) if flip else pixels)[None])[0]
                values = logits.softmax(0) if merge.scores == "probabilities" else logits
                pool = net.geometry.pool if merge.offsets == "coarse" else 1
                values = values[:, ::pool, ::pool]
                if merge.offsets == "centre":
                    middle = [(side - 1) // 2 for side in values.shape[1:]]
                    values = values[:, middle[0], middle[1], None, None]
                votes.append(values.amax((1, 2)).double().numpy())
    return np.mean(votes, axis=0)


@pytest.mark.parametrize(
    "merge",
    [
        MergeSettings(),
        MergeSettings(scores="logits"),
        MergeSettings(offsets="coarse"),
        MergeSettings(offsets="coarse", scores="logits", flips=False),
        MergeSettings(scales=(1, 3)),
        MergeSettings(scales=(2,), flips=False),
    ],
    ids=str,
)
@pytest.mark.parametrize("members", [1, 2])
def test_equals_the_decision_from_whole_maps(merge: MergeSettings, members: int) -> None:
    equal_to_plain(make_nets(members), InferSettings(scales=(1, 2, 3), top_k=1, batch_windows=40), merge)


@pytest.mark.parametrize("scores", ["probabilities", "logits"])
def test_a_centre_crop_is_the_window_in_the_middle_of_each_map(scores: Any) -> None:
    infer = InferSettings(scales=(1, 2), top_k=CLASSES)  # no class is lost, though it is greatest elsewhere
    equal_to_plain(make_nets(2), infer, MergeSettings(offsets="centre", scores=scores))


def equal_to_plain(nets: list[OverFeat], infer: InferSettings, merge: MergeSettings) -> None:
    pictures = make_pictures()
    votes = read_votes(gather_evidence(nets, [], pictures, infer, "run", CPU), CLASSES, merge)
    assert votes.image_ids == [p.image_id for p in pictures]
    for picture, row in zip(pictures, class_scores(votes), strict=True):
        np.testing.assert_allclose(row, plain_scores(nets, picture, infer, merge), rtol=1e-4, atol=1e-6)


def evidence(**changes: Any) -> Any:
    settings = InferSettings(scales=(1, 2), **changes)
    return gather_evidence(make_nets(1), [], make_pictures(), settings, "run", CPU)


@pytest.mark.parametrize("offsets", ["fine", "coarse", "centre"])
def test_scores_of_a_picture_do_not_depend_on_the_others(offsets: Any) -> None:
    infer, merge = InferSettings(scales=(1, 2), top_k=2), MergeSettings(offsets=offsets)
    nets, pictures = make_nets(1), make_pictures()
    together, alone = (
        class_scores(read_votes(gather_evidence(nets, [], some, infer, "run", CPU), CLASSES, merge))
        for some in (pictures, pictures[1:2])
    )
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-4)


def test_rows_are_sorted_and_complete() -> None:
    table = evidence()
    assert table.schema.equals(WINDOWS)
    frame = table.to_pandas()
    keys = ["image_id", "member", "scale", "flip", "row", "col"]
    expected = frame.assign(image_id=frame["image_id"].astype(str)).sort_values(keys).index
    assert (expected == frame.index).all()
    assert not frame.duplicated(keys).any()
    assert (frame["offset_y"] == frame["row"] % 3).all()
    for _, of_map in frame.groupby(["image_id", "scale", "flip"], observed=True):
        assert len(of_map) == (of_map["row"].max() + 1) * (of_map["col"].max() + 1)


def test_label_and_score_are_those_of_the_best_entry() -> None:
    for row in evidence(top_k=2).to_pylist():
        probabilities = np.exp(np.array(row["logits"]) - row["log_partition"])
        best = int(np.argmax(probabilities))
        assert row["label"] == f"class {row['class_indices'][best]:02d}"
        assert row["score"] == pytest.approx(probabilities[best], rel=1e-5)


def test_the_table_does_not_depend_on_the_batch() -> None:
    small, large = evidence(batch_windows=1).to_pandas(), evidence(batch_windows=10_000).to_pandas()
    np.testing.assert_allclose(small["score"], large["score"], rtol=1e-5)
    np.testing.assert_array_equal(small[["scale", "row", "col"]], large[["scale", "row", "col"]])
    np.testing.assert_array_equal(small[["x1", "y1", "x2", "y2"]], large[["x1", "y1", "x2", "y2"]])


def test_a_scale_without_evidence_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"scales \[3\] are to vote"):
        read_votes(evidence(), CLASSES, MergeSettings(scales=(1, 3)))


def test_no_pictures_give_no_rows() -> None:
    table = gather_evidence(make_nets(1), [], [], InferSettings(), "run", CPU)
    votes = read_votes(table, CLASSES, MergeSettings())
    assert classifications(votes, class_scores(votes), ["a"] * CLASSES, 5, "run", "m").num_rows == 0


def test_classifications_are_the_best_classes_in_order() -> None:
    names = [f"class {i:02d}" for i in range(CLASSES)]
    votes = read_votes(evidence(), CLASSES, MergeSettings())
    scores = class_scores(votes)
    table = classifications(votes, scores, names, 5, "the run", "the model")
    assert table.schema.equals(CLASSIFICATIONS)
    frame = table.to_pandas()
    assert frame.groupby("image_id", observed=True)["rank"].apply(list).tolist() == [[1, 2, 3, 4, 5]] * 5
    for position, (_, rows) in enumerate(frame.groupby("image_id", observed=True)):
        ordered = np.sort(scores[position])[::-1][:5]
        np.testing.assert_array_equal(rows["score"], ordered)
        assert rows["label"].iloc[0] == names[int(scores[position].argmax())]
