"""The two roles a picture of the manifest can have, and where their pictures are stored."""

from pathlib import Path

from overfeat.results.schemas import DETECTION, RECOGNITION
from pipelines import paths

__all__ = ["DETECTION", "RECOGNITION", "images_of", "range_prefix"]


def images_of(role: str) -> Path:
    """Return the folder of a role's shards: apart, so that other pictures for one task leave the nets of the other."""
    return paths.IMAGES_DETECTION if role == DETECTION else paths.IMAGES


def range_prefix(role: str) -> str:
    """Return what the names of a role's ranges, and of the files of their evidence, begin with before the shard's."""
    return f"{DETECTION}-" if role == DETECTION else ""
