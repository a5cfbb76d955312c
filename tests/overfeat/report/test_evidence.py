"""Heat maps: what a script says of the windows is what the evidence says."""

import json
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from overfeat.config import InferSettings
from overfeat.inference.batches import Picture
from overfeat.inference.evidence import gather_evidence
from overfeat.models.network import OverFeat, initialize
from overfeat.models.tables import ModelTable, Stage
from overfeat.report.evidence import LEVELS, ranges, script, shortened, windows_by_picture
from overfeat.results.schemas import WINDOWS

CLASSES = ["ape", "bee", "cat", "dog"]
TABLE = ModelTable(
    "tiny",
    (Stage("conv", 6, 5, pool=2), Stage("conv", 8, 3, pad=1, pool=3), Stage("full", 8, 2), Stage("full", 0, 1)),
    ((0, 0), (1, 1)),
    regressor=(4, 4),
)
STEM = "0123456789abcdef"


@pytest.fixture(scope="module")
def evidence() -> pa.Table:
    """Return the windows of two pictures, two nets, two scales, two flips, and ten views."""
    nets = []
    for seed in (1, 2):
        net = OverFeat(TABLE, len(CLASSES)).eval()
        initialize(net, "he", seed)
        with torch.no_grad():
            list(net.parameters())[-2].mul_(30)
        net.class_names = CLASSES
        nets.append(net)
    generator = torch.Generator().manual_seed(0)
    pictures = [
        Picture(name, "val", torch.randint(0, 255, (3, *size), generator=generator, dtype=torch.uint8), hw)
        for name, size, hw in (("a", (40, 52), (80, 104)), ("b", (44, 40), (44, 40)))
    ]
    settings = InferSettings(scales=(1, 2), flips=True, top_k=2, ten_view_side=24)
    return gather_evidence(nets, [], pictures, settings, "run", torch.device("cpu"))


def said(text: str) -> dict[str, Any]:
    """Return what a script hands over, read as the page reads it."""
    found = re.fullmatch(rf'overfeatEvidence\("{STEM}",(.*)\);\n', text)
    assert found
    value: dict[str, Any] = json.loads(found[1])
    for label, levels in value["levels"].items():
        value["levels"][label] = re.sub(r"~(\d+)~", lambda run: "." * int(run[1]), levels)
    return value


def test_every_window_is_there_with_its_place_and_its_probability(evidence: pa.Table) -> None:
    classes = {7: 0, 8: 2}
    by_picture = dict(windows_by_picture(evidence))
    assert list(by_picture) == ["a", "b"]
    for image_id, windows in by_picture.items():
        value = said(script(STEM, windows, classes, [[0, 1, 5]], lambda member, scale, flip: scale == 2 or flip))
        rows = [row for row in evidence.to_pylist() if row["image_id"] == image_id and row["scale"] > 0]
        assert len({row["window"] for row in rows}) == len(rows) == len(windows)
        place = 0
        assert len(value["maps"]) == 8
        for member, scale, flip, votes, count, cols, first, x, dx, y, dy, width, height in value["maps"]:
            assert votes == (scale == 2 or flip)
            of_map = [r for r in rows if (r["member"], r["scale"], int(r["flip"])) == (member, scale, flip)]
            assert len(of_map) == count * cols
            for row in of_map:
                assert row["window"] == first + row["row"] * cols + row["col"]
                assert row["x1"] == pytest.approx(x + dx * row["col"], abs=0.1)
                assert row["y1"] == pytest.approx(y + dy * row["row"], abs=0.1)
                assert row["x2"] - row["x1"] == pytest.approx(width, abs=0.01)
                assert row["y2"] - row["y1"] == pytest.approx(height, abs=0.01)
                kept = dict(zip(row["class_indices"], row["logits"], strict=True))
                at = place + row["row"] * cols + row["col"]
                for shown, output in classes.items():
                    level = LEVELS.index(value["levels"][str(shown)][at])
                    if output in kept:
                        probability = np.exp(kept[output] - row["log_partition"])
                        assert level == round(63 * probability)
                    else:
                        assert level == 0
            place += count * cols
        assert {len(levels) for levels in value["levels"].values()} == {len(rows)}
        assert value["members"] == ["0-1.5"]


def test_no_windows() -> None:
    assert list(windows_by_picture(WINDOWS.empty_table())) == []


def test_a_filtered_table_is_read_as_a_whole_one(evidence: pa.Table) -> None:
    whole = dict(windows_by_picture(evidence))["b"]
    of_b = pc.equal(evidence["image_id"].cast(pa.string()), "b")
    alone = dict(windows_by_picture(evidence.filter(of_b)))["b"]
    texts = [script(STEM, windows, {0: 0, 3: 3}, [], lambda *_: True) for windows in (whole, alone)]
    assert texts[0] == texts[1]


@given(st.text(alphabet=".AB", max_size=60))
def test_runs_of_dots_are_shortened_and_come_back(text: str) -> None:
    short = shortened(text)
    assert len(short) <= len(text)
    assert "....." not in short
    assert re.sub(r"~(\d+)~", lambda run: "." * int(run[1]), short) == text


@given(st.sets(st.integers(0, 60)))
def test_ranges_come_back(numbers: set[int]) -> None:
    text = ranges(sorted(numbers))
    back: list[int] = []
    for part in text.split(".") if text else []:
        low, _, high = part.partition("-")
        back += range(int(low), int(high or low) + 1)
    assert back == sorted(numbers)
