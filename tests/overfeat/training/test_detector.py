"""Training the detector: it learns, goes on bit for bit after a kill, and keeps a ledger of its negatives."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from overfeat import boxes as geometry
from overfeat.config import InferSettings, MergeSettings, TrainDetectorSettings
from overfeat.errors import DatasetError, TrainingError
from overfeat.images.decode import decode
from overfeat.inference.batches import Picture
from overfeat.inference.detection import Found, detect, for_detection
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.votes import Votes, read_votes
from overfeat.models.checkpoints import load_detector, load_state, save_network
from overfeat.models.detector import Detector
from overfeat.models.network import OverFeat, initialize
from overfeat.models.regressor import Regressor
from overfeat.models.tables import ModelTable, Stage
from overfeat.results.schemas import NEGATIVES
from overfeat.results.store import concatenate
from overfeat.training.detector import train_detector

TABLE = ModelTable(
    "tiny",
    (Stage("conv", 8, 5, pool=2), Stage("conv", 16, 3, pad=1, pool=3), Stage("full", 32, 2), Stage("full", 0, 1)),
    ((0, 0), (1, 1), (2, 2)),
    regressor=(32, 16),
)
CLASSES = ["left", "right"]
BOX = ["x1", "y1", "x2", "y2"]
RECIPE = {
    "epochs": 2,
    "batch_size": 4,
    "flips": "none",
    "init": "he",
    "learning_rate": 0.002,
    "momentum": 0.9,
    "dropout": 0.0,
    "scales": (1, 2, 3),
    "views": 3,
    "positives": 8,
    "negatives": 8,
    "choose": "mix",
    "features": "own",
    "min_overlap": 0.5,
    "max_offset": 0.2,
    "smallest": 0.35,
    "largest": 0.95,
    "margin": 1,
    "box_weight": 2.0,
    "device": "cpu",
    "loader_threads": 1,
}


def make_net(seed: int = 0) -> OverFeat:
    net = OverFeat(TABLE, len(CLASSES)).eval()
    initialize(net, "he", seed)
    net.class_names = CLASSES
    return net


def train(images: Path, folder: Path, localizer: Regressor | None = None, member: int = 0, **changes: Any) -> Detector:
    """Return what was trained last."""
    recipe = TrainDetectorSettings(**(RECIPE | changes))
    train_detector(images, make_net(), localizer, CLASSES, recipe, member, folder, lambda _: None)
    return load_detector(folder / "last.pt")


def curves_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "curves.csv")


def ledger_of(folder: Path) -> pd.DataFrame:
    frame: pd.DataFrame = concatenate(sorted((folder / "negatives").iterdir()), NEGATIVES).to_pandas()
    return frame.astype({"image_id": str, "label": str})


@pytest.fixture
def images(make_shards: Callable[..., Path]) -> Path:
    make_shards("train", images=32, objects=1, task="detection")
    return make_shards("val", images=12, objects=1, task="detection")


def pictures_of(images: Path, split: str) -> dict[str, dict[str, Any]]:
    """Return the rows of the stored pictures by image_id, in its order."""
    paths = sorted(images.glob(f"{split}-*.parquet"))
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    return {row["image_id"]: row for row in sorted(rows, key=lambda row: str(row["image_id"]))}


def look(images: Path, split: str, detector: Detector, flips: bool) -> Any:
    """Return the detector's evidence on the pictures of a split."""
    pictures = [
        Picture(image_id, row["split"], decode(row["jpeg"]), (row["height"], row["width"]))
        for image_id, row in pictures_of(images, split).items()
    ]
    infer = InferSettings(scales=(1, 2, 3), flips=flips, top_k=3)
    return gather_evidence(
        [detector.net], [detector.regressor], pictures, infer, "run", torch.device("cpu"), detector.margin
    )


def found_in(images: Path, split: str, detector: Detector) -> tuple[Votes, Found]:
    settings = for_detection(MergeSettings(detection_min_score=0.3))
    votes = read_votes(look(images, split, detector, flips=False), detector.net.num_classes, settings)
    return votes, detect(votes, settings)


def test_it_learns_to_find_the_rectangles(images: Path, tmp_path: Path) -> None:
    detector = train(images, tmp_path / "net", epochs=8)
    curves = curves_of(tmp_path / "net")
    assert curves["epoch"].tolist() == list(range(1, 9))
    assert curves["train_loss"].iloc[-1] < 0.5 * curves["train_loss"].iloc[0]
    assert curves["validation_loss"].iloc[-1] < 0.5 * curves["validation_loss"].iloc[0]
    assert curves["validation_error"].iloc[-1] < 0.7 * curves["validation_error"].iloc[0]
    names = sorted(path.name for path in (tmp_path / "net").iterdir())
    assert names == ["best.pt", "curves.csv", "last.pt", "negatives"]
    best, last = (load_state(tmp_path / "net" / name)["history"] for name in ("best.pt", "last.pt"))
    assert best["epoch"] == curves["epoch"][curves["validation_error"].idxmin()]
    assert last["epoch"] == 8
    assert (last["model"], last["member"], last["recipe"]["margin"]) == ("tiny", 0, 1)
    assert detector.net.class_names == [*CLASSES, "background"]
    assert detector.margin == detector.net.stride
    votes, found = found_in(images, "val", detector)
    rows = pictures_of(images, "val")
    true = np.array([np.multiply(rows[votes.image_ids[picture]]["scaled_boxes"][0], 2) for picture in found.pictures])
    first = np.unique(found.pictures, return_index=True)[1]  # the best of each picture
    assert len(first) >= 10
    assert np.median(geometry.iou(found.boxes, true)[first]) > 0.5


SCRIPT = """
import sys, torch
from pathlib import Path
from overfeat.config import TrainDetectorSettings
from overfeat.models.checkpoints import load_network
from overfeat.training.detector import train_detector
torch.set_num_threads(1)
recipe = TrainDetectorSettings(**{recipe!r})
report = lambda line: print(line, flush=True)
net = load_network(Path({net!r}))
train_detector(Path({images!r}), net, None, ["left", "right"], recipe, 0, Path(sys.argv[1]), report)
"""


@pytest.mark.slow
def test_a_killed_training_ends_bit_for_bit_where_an_undisturbed_one_ends(images: Path, tmp_path: Path) -> None:
    save_network(tmp_path / "net.pt", make_net(), {})
    recipe = RECIPE | {"epochs": 6, "dropout": 0.3, "flips": "random"}
    assert torch.get_num_threads() == 1  # as there
    train(images, tmp_path / "calm", **recipe)
    script = SCRIPT.format(recipe=recipe, images=str(images), net=str(tmp_path / "net.pt"))

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", script, str(tmp_path / "killed")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])

    with start() as killed:
        assert killed.stdout is not None
        assert "epoch 1/6" in killed.stdout.readline()
        assert "epoch 2/6" in killed.stdout.readline()
        time.sleep(0.02)  # into the third epoch
        os.kill(killed.pid, signal.SIGKILL)
    assert not (tmp_path / "killed/last.pt").exists()
    again = start()
    output, _ = again.communicate(timeout=120)
    assert again.returncode == 0
    assert "going on after epoch" in output
    assert "epoch 1/6" not in output
    files = ["last.pt", "best.pt", "curves.csv", *(f"negatives/epoch-{epoch:04d}.parquet" for epoch in range(1, 7))]
    for name in files:
        assert (tmp_path / "calm" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


def test_a_training_that_has_ended_is_left_alone(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "net", epochs=1)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "net").rglob("*")}
    train(tmp_path / "gone", tmp_path / "net", epochs=3)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "net").rglob("*")} == before


@pytest.mark.parametrize("features", ["own", "shared"])
def test_shared_features_stay_as_they_are_and_own_ones_do_not(images: Path, tmp_path: Path, features: str) -> None:
    before = make_net().features.state_dict()
    detector = train(images, tmp_path / "net", features=features, weight_decay=0.01)
    equal = [torch.equal(tensor, before[name]) for name, tensor in detector.net.features.state_dict().items()]
    assert all(equal) if features == "shared" else not any(equal)
    heads = detector.net.classifier.state_dict()
    assert not torch.equal(heads["0.weight"], make_net().classifier.state_dict()["0.weight"])


def test_members_differ_and_a_member_is_always_the_same(images: Path, tmp_path: Path) -> None:
    first, again, second = (
        train(images, tmp_path / name, member=member, epochs=1).state_dict()
        for name, member in (("first", 0), ("again", 0), ("second", 1))
    )
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert not any(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_it_starts_from_the_localizer(images: Path, tmp_path: Path) -> None:
    localizer = Regressor(TABLE, CLASSES)
    initialize(localizer, "he", seed=9)
    detector = train(images, tmp_path / "net", localizer=localizer, epochs=1, learning_rate=0.0)
    for name, tensor in localizer.state_dict().items():
        assert torch.equal(detector.regressor.state_dict()[name], tensor)


def test_the_ledger_has_the_negatives_of_every_view_and_none_that_sees_an_object(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "net", epochs=3, flips="random")
    rows = pictures_of(images, "train")
    ledger = ledger_of(tmp_path / "net")
    views = ledger.groupby(["epoch", "image_id", "scale"])
    assert len(views) == 3 * len(rows) * 3
    assert (views.size() == 8).all()
    assert (views["hardest"].sum() == 4).all()
    assert (views["flip"].nunique() == 1).all()
    assert set(ledger["flip"]) == {False, True}
    assert set(ledger["label"]) <= set(CLASSES)
    windows = ledger[BOX].to_numpy(float)
    objects = np.array([np.multiply(rows[name]["scaled_boxes"][0], 2) for name in ledger["image_id"]])
    size = np.sqrt(geometry.area(objects) / geometry.area(windows))
    share = geometry.intersection(windows, objects) / geometry.area(objects)
    nearly_fits = (size > 0.35 / 1.24) & (size < 0.95 * 1.24)
    assert nearly_fits.mean() > 0.5
    assert share[nearly_fits].max() < 0.5001
    assert not ledger.duplicated(["epoch", "image_id", "scale", "flip", *BOX]).any()


def test_scores_of_the_ledger_are_those_the_net_gives_and_the_hardest_have_the_greatest(
    images: Path, tmp_path: Path
) -> None:
    detector = train(images, tmp_path / "net", epochs=1, learning_rate=0.0, flips="random")
    evidence = look(images, "train", detector, flips=True).to_pandas()
    logits = np.stack(evidence["logits"]) - evidence["log_partition"].to_numpy()[:, None]
    probabilities = np.exp(logits)
    assert (np.stack(evidence["class_indices"]) == [0, 1, 2]).all()
    keys = ["image_id", "scale", "flip", *BOX]
    said = evidence[keys].assign(
        image_id=evidence["image_id"].astype(str),
        best=np.array(CLASSES)[probabilities[:, :2].argmax(1)],
        greatest=probabilities[:, :2].max(1),
        offence=1 - probabilities[:, 2],
    )
    ledger = ledger_of(tmp_path / "net")
    joined = ledger.merge(said, on=keys, validate="one_to_one")
    assert len(joined) == len(ledger)
    np.testing.assert_allclose(joined["score"], joined["greatest"], atol=1e-5)
    assert (joined["label"] == joined["best"]).all()
    for _, view in joined.groupby(["image_id", "scale"]):
        assert view["offence"][view["hardest"]].min() >= view["offence"][~view["hardest"]].max() - 1e-5


@pytest.mark.parametrize(("choose", "share"), [("hardest", 1.0), ("random", 0.0), ("mix", 0.5)])
def test_every_way_of_choosing_trains(images: Path, tmp_path: Path, choose: str, share: float) -> None:
    train(images, tmp_path / "net", epochs=3, choose=choose)
    curves = curves_of(tmp_path / "net")
    assert curves["train_loss"].iloc[-1] < 0.8 * curves["train_loss"].iloc[0]
    assert ledger_of(tmp_path / "net")["hardest"].mean() == share


def test_without_a_validation_split_only_the_loss_is_known(make_shards: Callable[..., Path], tmp_path: Path) -> None:
    images = make_shards("train", images=16, objects=1, task="detection")
    train(images, tmp_path / "net", epochs=3)
    curves = curves_of(tmp_path / "net")
    assert list(curves.columns) == ["epoch", "learning_rate", "train_loss"]
    assert curves["train_loss"].iloc[-1] < curves["train_loss"].iloc[0]
    assert load_state(tmp_path / "net/best.pt")["history"]["epoch"] == 3  # the last


def test_pictures_without_objects_take_part(make_shards: Callable[..., Path], tmp_path: Path) -> None:
    images = make_shards("train", images=12, objects=1, task="detection")
    make_shards("plain", images=8, shards=1, task="detection")
    (images / "plain-00000.parquet").rename(images / "train-00002.parquet")
    train(images, tmp_path / "net", batch_size=1)
    seen = ledger_of(tmp_path / "net").groupby("image_id").size()
    assert set(seen.index) == {f"train-{i:04d}" for i in range(12)} | {f"plain-{i:04d}" for i in range(8)}
    assert (seen == 2 * 3 * 8).all()


def test_a_set_without_any_object_trains_the_background(make_shards: Callable[..., Path], tmp_path: Path) -> None:
    make_shards("train", images=8, task="detection")
    detector = train(make_shards("val", images=4, task="detection"), tmp_path / "net")
    curves = curves_of(tmp_path / "net")
    assert curves["train_loss"].iloc[-1] < curves["train_loss"].iloc[0]
    assert curves["validation_error"].iloc[-1] == 0
    assert len(found_in(tmp_path / "images", "val", detector)[1].pictures) == 0


def test_a_minibatch_that_teaches_nothing_is_passed_over(make_shards: Callable[..., Path], tmp_path: Path) -> None:
    images = make_shards("train", images=4, objects=1, task="detection")
    make_shards("plain", images=4, shards=1, task="detection")
    (images / "plain-00000.parquet").rename(images / "train-00002.parquet")
    train(images, tmp_path / "net", negatives=0, batch_size=1)


def test_no_pictures_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no pictures of split 'train'"):
        train(tmp_path, tmp_path / "net")


def test_a_loss_that_is_no_number_is_a_sentence(images: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not finite in epoch 1"):
        train(images, tmp_path / "net", learning_rate=1e12)
