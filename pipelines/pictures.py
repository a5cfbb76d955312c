"""Which pictures of the manifest serve which task, with their objects.

Recognition has the pictures of its data set that have a label, and views around the objects of those that have none;
where one data set serves both tasks, these are the pictures of detection.
"""

import pandas as pd
import pyarrow.parquet as pq

from pipelines import paths
from pipelines.roles import DETECTION, RECOGNITION

_BOX = ["x1", "y1", "x2", "y2"]


def class_names(role: str) -> list[str]:
    """Return the labels of a task by class index; none if no data set serves it."""
    return _classes(role, "label")


def class_words(role: str) -> list[str]:
    """Return what the classes of a task are called for people, by class index."""
    return _classes(role, "name")


def _classes(role: str, column: str) -> list[str]:
    table = pq.read_table(paths.MANIFEST / "classes.parquet", filters=[("role", "=", role)])
    values: list[str] = table[column].to_pylist()
    return values


def recognition_pictures() -> pd.DataFrame:
    """Return pictures and views by image_id, as ``IMAGES`` with left and top of a view (else NaN).

    All have a label, but for test pictures whose label may be kept secret.
    """
    images = pd.read_parquet(paths.MANIFEST / "images.parquet")
    views = pd.read_parquet(paths.MANIFEST / "views.parquet")
    where = images.set_index("image_id")[["role", "file", "offset", "length"]]
    cut = views.drop(columns=_BOX).join(where, on="picture_id").drop(columns="picture_id")
    whole = images[(images["role"] == RECOGNITION) & ~images["image_id"].isin(views["picture_id"])]
    usable = whole["label"].notna() | (whole["split"] == "test")
    return pd.concat([whole[usable], cut]).sort_values("image_id", ignore_index=True)


def recognition_objects() -> pd.DataFrame:
    """Return the objects of :func:`recognition_pictures`, as ``OBJECTS``; of a view that is the one it is around."""
    images = pd.read_parquet(paths.MANIFEST / "images.parquet", columns=["image_id", "role"])
    views = pd.read_parquet(paths.MANIFEST / "views.parquet")
    objects = pd.read_parquet(paths.MANIFEST / "objects.parquet")
    own = set(images.loc[images["role"] == RECOGNITION, "image_id"]) - set(views["picture_id"])
    around = views[["image_id", "label", *_BOX]].assign(difficult=False, crowd=False)
    return pd.concat([objects[objects["image_id"].isin(own)], around], ignore_index=True)


def detection_pictures() -> pd.DataFrame:
    """Return the pictures of detection, as ``IMAGES``, by image_id."""
    images = pd.read_parquet(paths.MANIFEST / "images.parquet")
    return images[images["role"] == DETECTION].reset_index(drop=True)


def detection_objects() -> pd.DataFrame:
    """Return the objects of :func:`detection_pictures`, as ``OBJECTS``."""
    objects = pd.read_parquet(paths.MANIFEST / "objects.parquet")
    return objects[objects["image_id"].isin(detection_pictures()["image_id"])].reset_index(drop=True)
