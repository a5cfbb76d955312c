"""A project with a model of random weights, which tells pictures apart in milliseconds, and pictures to look at."""

import io
import shutil
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image

from overfeat.atomic import write_text
from overfeat.models.checkpoints import save_detector, save_network, save_regressor, weights_hash
from overfeat.models.detector import start_detector
from overfeat.models.network import OverFeat, initialize
from overfeat.models.regressor import Regressor
from overfeat.models.tables import ModelTable, Stage

REPOSITORY = Path(__file__).resolve().parents[3]
NAMES = ["ape", "bee", "cat"]
TABLE = ModelTable(
    "tiny",
    (Stage("conv", 8, 5, pool=2), Stage("conv", 16, 3, pad=1, pool=3), Stage("full", 16, 2), Stage("full", 0, 1)),
    ((0, 0), (1, 1), (2, 2)),
    regressor=(12, 8),
)
CONFIDENCE = '{{"weights": [1.0, 2.0, 0.1], "intercept": {}, "decisions": 9, "offsets": {{"ape": 0.5}}}}'


def make_project(root: Path, seed: int = 5) -> Path:
    """Write ``dvc.yaml``, ``params.yaml`` and ``data/checkpoints`` to the folder ``root`` and return it."""
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "dvc.yaml", root / "dvc.yaml")
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["infer"] |= {"scales": [1, 2], "detection_scales": [1, 2, 3], "unit_images": 4, "flips": True}
    params["merge"] |= {"detection_min_score": 0.4}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    make_checkpoints(root / "data/checkpoints", seed)
    return root


def make_checkpoints(folder: Path, seed: int) -> None:
    net = OverFeat(TABLE, len(NAMES)).eval()
    initialize(net, "he", seed)
    net.class_names = NAMES
    with torch.no_grad():
        list(net.parameters())[-2].mul_(40)  # so that classes are told apart
    regressor = Regressor(TABLE, NAMES).eval()
    initialize(regressor, "he", seed + 1)
    regressor.trained_on = weights_hash(net)
    detector = start_detector(net, regressor, NAMES, margin=2, dropout=0.0, init="he", seed=seed + 2)
    save_network(folder / "classifier/member-0/last.pt", net, {"epoch": 1})
    save_regressor(folder / "localizer/member-0/last.pt", regressor, {"epoch": 1})
    save_detector(folder / "detector/member-0/last.pt", detector.eval(), {"epoch": 1})
    values = f'{{"localization": {CONFIDENCE.format(-1)}, "detection": {CONFIDENCE.format(-2)}}}'
    write_text(folder / "calibration/calibration.json", values)


def picture(seed: int, size: tuple[int, int] = (70, 54), kind: str = "PNG", orientation: int | None = None) -> bytes:
    """Return an encoded picture ``size`` (width, height) that no other seed gives."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 255, (5, 7, 3), dtype=np.uint8))
    data, exif = io.BytesIO(), Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    coarse.resize(size, Image.Resampling.BICUBIC).save(data, kind, exif=exif.tobytes())
    return data.getvalue()


def make_pictures(folder: Path, numbers: range) -> Path:
    """Write a picture of its own for every number to ``folder`` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"{number:05d}.png").write_bytes(picture(number, (60 + number % 5, 54)))
    return folder
