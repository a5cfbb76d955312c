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
    """Return numbers in [0, 1), ``(len(keys), crops, 6)``: for a crop's side, top, left, mirror, gain and brightness.

    Args:
        seed: non-negative.
        epoch: non-negative.
        keys: image keys ``(N,)``, uint64.
        crops: crops a picture.
    """
    counters = np.arange(crops * 6, dtype=np.uint64)
    state = _mix(_mix(np.array([seed], np.uint64)) ^ np.uint64(epoch))
    bits = _mix(_mix(keys ^ state)[:, None] + counters)
    return (bits >> np.uint64(11)).astype(np.float64).reshape(len(keys), crops, 6) * 2.0**-53


def _mix(z: _U64) -> _U64:
    """SplitMix64's step and finalizer, element by element (Steele et al., 2014)."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def crop_squares(
    draws: NDArray[np.float64], height: int, width: int, window: int, share: tuple[float, ...] | None
) -> NDArray[np.int64]:
    """Return the crops of one picture as ``(crops, 3)``: side, top, left.

    Args:
        draws: that picture's numbers from :func:`uniforms`, ``(crops, 6)``.
        height: of the picture.
        width: of the picture.
        window: side of a crop where ``share`` is None; the picture is at least as large.
        share: least and greatest side as shares of the smallest side.
    """
    if share is None:
        sides = np.full(len(draws), window)
    else:
        low, high = min(share), max(share)
        sides = np.maximum(1, np.rint((low + draws[:, 0] * (high - low)) * min(height, width)))
    tops, lefts = draws[:, 1] * (height - sides + 1), draws[:, 2] * (width - sides + 1)
    return np.stack([sides, tops, lefts], axis=1).astype(np.int64)


def tones(draws: NDArray[np.float64], jitter: float) -> NDArray[np.float32]:
    """Return the gain and the shift of normalised pixels of each crop, ``(crops, 2)``; (1, 0) without jitter."""
    spread = (2 * draws[:, 4:6] - 1) * jitter
    return np.stack([np.exp(spread[:, 0]), spread[:, 1]], axis=1).astype(np.float32)
