"""Random crops that depend on (seed, epoch, image, crop) alone (paper, section 3.1).

No generator is carried from one picture to the next: a view can be drawn again by itself, in any order, on any
number of threads, and a run that was killed goes on with the very views it would have seen.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

_U64 = NDArray[np.uint64]


def image_key(image_id: str) -> int:
    """Return the 64-bit key of a picture, from its id alone."""
    return int.from_bytes(hashlib.blake2b(image_id.encode(), digest_size=8).digest(), "little")


def uniforms(seed: int, epoch: int, keys: _U64, crops: int) -> NDArray[np.float64]:
    """Return numbers in [0, 1), ``(len(keys), crops, 3)``: for a crop's top, left and mirror.

    Args:
        seed: non-negative.
        epoch: non-negative.
        keys: image keys ``(N,)``, uint64.
        crops: crops a picture.
    """
    counters = np.arange(crops * 3, dtype=np.uint64)
    state = _mix(_mix(np.array([seed], np.uint64)) ^ np.uint64(epoch))
    bits = _mix(_mix(keys ^ state)[:, None] + counters)
    return (bits >> np.uint64(11)).astype(np.float64).reshape(len(keys), crops, 3) * 2.0**-53


def _mix(z: _U64) -> _U64:
    """SplitMix64's step and finalizer, element by element (Steele et al., 2014)."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def crop_corners(draws: NDArray[np.float64], height: int, width: int, window: int) -> NDArray[np.int64]:
    """Return the top left corners of the crops of one picture as ``(crops, 2)``: top, left.

    Args:
        draws: that picture's numbers from :func:`uniforms`, ``(crops, 3)``.
        height: of the picture, at least ``window``.
        width: of the picture, at least ``window``.
        window: side of the crops.
    """
    room = np.array([height - window + 1, width - window + 1])
    corners: NDArray[np.int64] = (draws[:, :2] * room).astype(np.int64)
    return corners
