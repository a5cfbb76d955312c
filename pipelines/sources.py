"""The data sets that ``source`` names, and which tasks each serves."""

from pathlib import Path

from overfeat.config import ManifestSettings, SourceSettings
from overfeat.readers import Reader, open_dataset
from pipelines.roles import DETECTION, RECOGNITION

PREFIX = "detection/"
"""Begins the ids of the detection set's pictures where recognition has another set: both may have the same names."""


def open_sources(source: SourceSettings, manifest: ManifestSettings) -> dict[str, Reader]:
    """Return the reader of every data set, by the role of its pictures.

    One set that annotates every object serves detection, and recognition by views around its objects; one that does
    not serves recognition alone.

    Raises:
        DatasetError: if a folder is missing, or in no layout known.
    """
    first = open_dataset(Path(source.recognition), manifest.layout)
    if source.one:
        return {DETECTION if first.annotates_all else RECOGNITION: first}
    return {RECOGNITION: first, DETECTION: open_dataset(Path(source.detection), manifest.detection_layout)}


def folder(source: SourceSettings, role: str) -> Path:
    """Return the folder of the data set whose pictures have this role."""
    return Path(source.detection if role == DETECTION else source.recognition)
