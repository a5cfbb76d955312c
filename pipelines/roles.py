"""The two roles a picture of the manifest can have, which are also the tasks of evidence and decisions."""

RECOGNITION, DETECTION = "recognition", "detection"


def shard_name(role: str, split: str) -> str:
    """Return how the names of a split's shards begin: those of recognition have no role in them."""
    return split if role == RECOGNITION else f"{role}-{split}"
