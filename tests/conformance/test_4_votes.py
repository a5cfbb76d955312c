"""SPEC 4: the class decision: who votes, and what is made of the votes."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F

from overfeat.config import InferSettings, MergeSettings
from overfeat.evaluation.classification import hits
from overfeat.images.resize import resize_to
from overfeat.inference.batches import Picture
from overfeat.inference.decisions import class_scores, classifications
from overfeat.inference.dense import dense
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.votes import read_votes
from overfeat.inference.windows import input_hw
from overfeat.models.network import OverFeat, initialize, normalize
from overfeat.models.tables import MINI, PAPER_SCALES, ModelTable

CLASSES, CPU = 7, torch.device("cpu")
SIZES = [(80, 104), (90, 60)]
SIX = (1, 2, 3, 4, 5, 6)


def make_net(seed: int) -> OverFeat:
    net = OverFeat(ModelTable("mini", MINI.stages, PAPER_SCALES), CLASSES).eval()
    initialize(net, "he", seed)
    generator = torch.Generator().manual_seed(seed)
    torch.nn.init.normal_(net.classifier[-1].weight, std=0.2, generator=generator)  # classes that differ
    net.class_names = [f"c{index}" for index in range(CLASSES)]
    return net


def make_pictures() -> list[Picture]:
    generator = torch.Generator().manual_seed(1)
    pixels = [torch.randint(256, (3, *size), dtype=torch.uint8, generator=generator) for size in SIZES]
    return [Picture(f"p{i}", "val", image, size) for i, (image, size) in enumerate(zip(pixels, SIZES, strict=True))]


NETS = [make_net(0), make_net(1)]
PICTURES = make_pictures()


@pytest.fixture(scope="module")
def evidence() -> pa.Table:
    """Return what two nets say at six scales; of a window no class is kept but its best, and the maxima of its map."""
    return gather_evidence(NETS, [], PICTURES, InferSettings(scales=SIX, top_k=1), "r", CPU)


@pytest.fixture(scope="module")
def maps() -> dict[tuple[int, int, int, bool], torch.Tensor]:
    """Return fine logits ``(C, rows, cols)`` by picture, member, scale and flip."""
    made = {}
    with torch.inference_mode():
        for position, picture in enumerate(PICTURES):
            for scale in SIX:
                size = input_hw(NETS[0].geometry, scale, *SIZES[position])
                pixels = resize_to(picture.pixels, size)[None]
                plain = F.interpolate(picture.pixels[None].float(), size, mode="bilinear", antialias=True)
                assert (pixels - plain).abs().max() < 1.5  # it is that picture, rounded in another way
                for flip in (False, True):
                    shown = normalize(pixels.flip(-1) if flip else pixels)
                    for member, net in enumerate(NETS):
                        made[position, member, scale, flip] = dense(net, shown)[0]
    return made


VOTERS = [
    {},
    {"scales": (1,)},
    {"scales": (1, 2, 4, 6)},
    {"scales": SIX},
    {"flips": False},
    {"scales": (1,), "flips": False},
    {"offsets": "coarse"},
    {"offsets": "coarse", "scales": (1,), "members": (1,)},
    {"members": (0,)},
    {"scores": "logits"},
    {"scores": "logits", "offsets": "coarse", "scales": (1, 2, 4, 6), "flips": False, "members": (0,)},
]


@pytest.mark.parametrize("voters", VOTERS, ids=str)
def test_maximum_over_windows_then_mean_over_nets_scales_and_flips_of_one_evidence(
    voters: dict[str, Any], evidence: pa.Table, maps: dict[tuple[int, int, int, bool], torch.Tensor]
) -> None:
    scores = class_scores(read_votes(evidence, CLASSES, MergeSettings(**voters)))
    for position, said in enumerate(scores):
        maxima = []
        for (picture, member, scale, flip), logits in maps.items():
            votes = member in voters.get("members", (0, 1)) and scale in voters.get("scales", SIX)
            if picture == position and votes and (voters.get("flips", True) or not flip):
                values = logits if voters.get("scores") == "logits" else logits.softmax(0)
                step = 3 if voters.get("offsets") == "coarse" else 1
                maxima.append(values[:, ::step, ::step].flatten(1).max(1).values.numpy())
        np.testing.assert_allclose(said, np.mean(maxima, axis=0), rtol=1e-4, atol=1e-5)


def test_by_default_probabilities_of_all_nets_scales_flips_and_offsets_vote() -> None:
    chosen = MergeSettings()
    assert (chosen.members, chosen.scales, chosen.flips) == (None, None, True)
    assert (chosen.offsets, chosen.scores) == ("fine", "probabilities")
    assert (InferSettings().scales, InferSettings().flips, InferSettings().sizes) == (SIX, True, "aspect")


def test_guesses_are_the_five_best_classes(evidence: pa.Table) -> None:
    votes = read_votes(evidence, CLASSES, MergeSettings())
    scores = class_scores(votes)
    table = classifications(votes, scores, NETS[0].class_names or [], MergeSettings().top_k, "r", "m").to_pandas()
    for image_id, said in zip(("p0", "p1"), scores, strict=True):
        guesses = table[table["image_id"] == image_id]
        assert guesses["label"].tolist() == [f"c{index}" for index in np.argsort(-said)[:5]]
        assert guesses["rank"].tolist() == [1, 2, 3, 4, 5]


def test_top_1_wants_the_first_guess_to_be_right_and_top_5_one_of_five() -> None:
    names = ["a", "b", "c", "d", "e", "f"]
    guesses = pd.DataFrame(
        [("p", name, rank) for rank, name in enumerate(names, 1)], columns=["image_id", "label", "rank"]
    )
    right = {name: hits(guesses, {"p": name}).iloc[0] for name in names}
    assert [bool(right[name]["top1"]) for name in names] == [True, False, False, False, False, False]
    assert [bool(right[name]["top5"]) for name in names] == [True, True, True, True, True, False]


@pytest.mark.parametrize(
    ("sizes", "shapes"), [("paper", {"p0": (6, 9), "p1": (9, 6)}), ("aspect", {"p0": (6, 12), "p1": (15, 6)})]
)
def test_sizes_of_the_paper_or_after_the_pictures_aspect(sizes: Any, shapes: dict[str, tuple[int, int]]) -> None:
    # scale 2 of the small net is 72 x 84. By aspect the long sides are 93.6 and 108; valid ones are 84, 96 and 108
    infer = InferSettings(scales=(2,), flips=False, sizes=sizes)
    frame = gather_evidence(NETS[:1], [], PICTURES, infer, "r", CPU).to_pandas()
    for image_id, rows in frame.groupby("image_id", observed=True):
        assert (rows["row"].max() + 1, rows["col"].max() + 1) == shapes[str(image_id)]
        assert len(rows) == np.prod(shapes[str(image_id)])
