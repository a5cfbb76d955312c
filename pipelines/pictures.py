"""Which pictures of the manifest serve which task, with their objects; see :mod:`overfeat.results.truth`."""

import pandas as pd

from overfeat.places import Place
from overfeat.results.truth import Truth
from pipelines import paths


def class_names(role: str) -> list[str]:
    """Return the labels of a task by class index; none if no data set serves it."""
    return _truth().class_names(role)


def class_words(role: str) -> list[str]:
    """Return what the classes of a task are called for people, by class index."""
    return _truth().class_words(role)


def recognition_pictures() -> pd.DataFrame:
    """Return pictures and views by image_id, as ``IMAGES`` with left and top of a view (else NaN).

    All have a label, but for test pictures whose label may be kept secret.
    """
    return _truth().recognition_pictures


def recognition_objects() -> pd.DataFrame:
    """Return the objects of :func:`recognition_pictures`, as ``OBJECTS``; of a view that is the one it is around."""
    return _truth().recognition_objects


def detection_pictures() -> pd.DataFrame:
    """Return the pictures of detection, as ``IMAGES``, by image_id."""
    return _truth().detection_pictures


def detection_objects() -> pd.DataFrame:
    """Return the objects of :func:`detection_pictures`, as ``OBJECTS``."""
    return _truth().detection_objects


def _truth() -> Truth:
    return Truth(Place.of(paths.MANIFEST))
