"""The two roles a picture of the manifest can have, which are also the tasks of evidence and decisions."""

from pathlib import Path

from pipelines import paths

RECOGNITION, DETECTION = "recognition", "detection"


def images_of(role: str) -> Path:
    """Return the folder of a role's shards: apart, so that other pictures for one task leave the nets of the other."""
    return paths.IMAGES_DETECTION if role == DETECTION else paths.IMAGES
