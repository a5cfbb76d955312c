"""Pictures of squares and a small net that knows them, for the tests that train."""

from pathlib import Path

import pytest
import torch

from overfeat.images.decode import encode
from overfeat.models.network import OverFeat, initialize
from overfeat.models.tables import MINI
from overfeat.results.schemas import STORED_IMAGES
from overfeat.results.store import write_table


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Return shards of pictures of 80x80 with a bright square in each, but for the last, p8, which is empty."""
    rows: dict[str, list[object]] = {name: [] for name in STORED_IMAGES.names}
    for number in range(9):
        pixels = torch.full((3, 80, 80), 40, dtype=torch.uint8)
        objects = [] if number == 8 else [[20.0 + number, 25.0, 50.0 + number, 55.0]]
        for x1, y1, x2, y2 in objects:
            pixels[:, int(y1) : int(y2), int(x1) : int(x2)] = 230
        row = {
            **{"image_id": f"p{number}", "split": "train", "label": "square", "class_index": 0, "enlarged": False},
            **{"width": 80, "height": 80, "stored_width": 80, "stored_height": 80, "jpeg": encode(pixels, 95)},
            **{"object_labels": ["square"] * len(objects), "scaled_boxes": objects},
            **{"difficult": [False] * len(objects), "crowd": [False] * len(objects)},
        }
        for name, value in row.items():
            rows[name].append(value)
    for split in ("train", "val"):
        write_table(tmp_path / f"images/{split}-00000.parquet", rows, STORED_IMAGES, {"class_names": ["square"]})
    return tmp_path / "images"


@pytest.fixture
def classifier() -> OverFeat:
    """Return a classification net of one class, drawn from a seed that no recipe has."""
    net = OverFeat(MINI, 1)
    initialize(net, "he", 77)
    net.class_names = ["square"]
    return net.eval()
