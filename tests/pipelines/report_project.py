"""A project whose nets have random weights and make every kind of mistake, up to the stage before the report."""

import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from overfeat.config import (
    CalibrateSettings,
    EvaluateSettings,
    InferSettings,
    ManifestSettings,
    MergeSettings,
    PreprocessSettings,
    ReportSettings,
    SampleSettings,
    SourceSettings,
    TrainClassifierSettings,
    TrainDetectorSettings,
    TrainLocalizerSettings,
)
from overfeat.results.queries import read_detections, read_localizations
from overfeat.results.schemas import BOX, OBJECTS, VIEWS
from overfeat.results.store import read_table, write_table
from pipelines import dense_pass
from pipelines.engine.stage import Stage, check_units
from pipelines.evaluate import Evaluate
from pipelines.infer import Infer
from pipelines.manifest import Manifest
from pipelines.merge import Merge
from pipelines.preprocess import Preprocess
from pipelines.report import Report

SMALL = runpy.run_path(str(Path(__file__).parent / "batches/small_project.py"))
PICTURES, SIDE = 8, 60
INFER = InferSettings(scales=(1, 2), detection_scales=(1, 2, 3), splits=("val", "test"), unit_images=3)
MERGE = MergeSettings(detection_min_score=0.9)
SETTINGS = Report(
    source=SourceSettings("voc", "voc"),
    model="tiny",
    sample=SampleSettings(),
    manifest=ManifestSettings(),
    preprocess=PreprocessSettings(40, 40, 50, 95, 0.0, shard_images=8),
    train_classifier=TrainClassifierSettings(),
    train_localizer=TrainLocalizerSettings(),
    train_detector=TrainDetectorSettings(),
    calibrate=CalibrateSettings(),
    infer=INFER,
    merge=MERGE,
    evaluate=EvaluateSettings(bootstrap=20),
    report=ReportSettings(),
)


def work(stage: Stage) -> None:
    """Work a stage as the engine does, in the current folder."""
    parts = []
    units = stage.plan()
    check_units("stage", units)
    for unit in units:
        part = Path("work") / type(stage).__name__ / unit.name
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        stage.work(unit, part)
        parts.append(part)
    stage.finish(parts, Path())


def make_voc(root: Path) -> None:
    """Write a data set in the layout of Pascal VOC: pictures with two objects each, the last one with none."""
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for number in range(2 * PICTURES):
        name, label = f"p{number}", SMALL["NAMES"][number % 3]
        (root / f"JPEGImages/{name}.jpg").write_bytes(SMALL["picture"](number, (SIDE + 4, SIDE), "JPEG"))
        objects = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{x}</xmin><ymin>5</ymin><xmax>{x + 25}</xmax><ymax>40</ymax>"
            "</bndbox></object>"
            for x in ((3, 33) if number % PICTURES != PICTURES - 1 else ())
        )
        (root / f"Annotations/{name}.xml").write_text(f"<annotation>{objects}</annotation>")
    for split, numbers in {"train": range(1), "val": range(1, PICTURES), "test": range(PICTURES, 2 * PICTURES)}.items():
        (root / f"ImageSets/Main/{split}.txt").write_text("".join(f"p{number}\n" for number in numbers))


def move_truth() -> None:
    """Put objects where the nets, which know nothing, see them: some with the class they take them for."""
    found = read_detections("data/results").drop_duplicates("image_id").astype({"image_id": str, "label": str})
    manifest = Path("data/manifest")
    objects = read_table(manifest / "objects.parquet", OBJECTS).to_pandas()
    first = ~objects["image_id"].duplicated()
    seen = found.set_index("image_id").reindex(objects["image_id"])
    known = first.to_numpy() & seen["label"].notna().to_numpy()
    right = known & (np.arange(len(objects)) % 4 == 0)
    objects.loc[right, "label"] = seen["label"].to_numpy()[right]
    objects.loc[known, BOX] = seen[BOX].to_numpy()[known]
    write_table(manifest / "objects.parquet", objects, OBJECTS, {})
    boxes = read_localizations("data/results").astype({"image_id": str, "label": str})
    views = read_table(manifest / "views.parquet", VIEWS).to_pandas()
    seen = boxes.drop_duplicates(["image_id", "label"]).set_index(["image_id", "label"])
    seen = seen.reindex(pd.MultiIndex.from_frame(views[["image_id", "label"]]))
    known = seen["x1"].notna().to_numpy() & (np.arange(len(views)) % 3 > 0)
    views.loc[known, BOX] = seen[BOX].to_numpy()[known]
    write_table(manifest / "views.parquet", views, VIEWS, {})


def make_project() -> None:
    """Make all but the report, in the current folder."""
    dense_pass._load.cache_clear()  # paths are relative to the project
    make_voc(Path("voc"))
    SMALL["make_checkpoints"](Path("data/checkpoints"), 5)
    calibration = Path("data/checkpoints/calibration/calibration.json")
    fitted = json.loads(calibration.read_text())
    fitted["detection"]["intercept"] = 5.9  # confidences on both sides of one half
    calibration.write_text(json.dumps(fitted))
    curves = "epoch,learning_rate,train_loss,validation_loss,validation_error\n1,0.1,2.5,2.0,75\n2,0.1,1.5,1.0,50\n"
    for what in ("classifier", "detector"):
        Path(f"data/checkpoints/{what}/member-0/curves.csv").write_text(curves)
    source, preprocess = SETTINGS.source, SETTINGS.preprocess
    for stage in (Manifest(source, SETTINGS.manifest), Preprocess(source, preprocess), Infer(INFER), Merge(MERGE)):
        work(stage)
    move_truth()
    work(Evaluate(SETTINGS.evaluate, MERGE))
