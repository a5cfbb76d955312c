"""A picture as it is stored: downsampled, encoded, its boxes scaled alike (paper, section 3.1)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overfeat import boxes
from overfeat.images.decode import decode, encode
from overfeat.images.resize import resize_to_side


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One row of a shard: see ``STORED_IMAGES`` in :mod:`overfeat.results.schemas`."""

    stored_width: int
    stored_height: int
    enlarged: bool
    jpeg: bytes
    scaled_boxes: NDArray[np.float32]


def store_image(
    data: bytes,
    original_boxes: NDArray[np.float32],
    side: int,
    quality: int,
    region: tuple[int, int, int, int] | None = None,
) -> StoredImage:
    """Decode, bring the smallest side to ``side``, encode, and scale the boxes alike.

    Args:
        data: the encoded original.
        original_boxes: ``(N, 4)`` in pixels of the original, or of the region.
        side: smallest side of the result, in pixels. A smaller picture is enlarged, and says so.
        quality: JPEG quality, 1 to 100.
        region: left, top, width and height of the part to store, in pixels of the original; None for all of it.

    Raises:
        PictureError: if the picture cannot be decoded.
    """
    image = decode(data)
    if region is not None:
        left, top, right, bottom = region[0], region[1], region[0] + region[2], region[1] + region[3]
        image = image[:, top:bottom, left:right]
    height, width = image.shape[1:]
    stored = resize_to_side(image, side)
    stored_height, stored_width = stored.shape[1:]
    scaled = boxes.scale(original_boxes.astype(np.float32), stored_width / width, stored_height / height)
    return StoredImage(stored_width, stored_height, side > min(height, width), encode(stored, quality), scaled)
