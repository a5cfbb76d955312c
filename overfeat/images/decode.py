"""Encoded bytes to pixels and back.

torchvision's decoder does the work, and Pillow takes what it refuses (BMP, TIFF, odd JPEGs).
EXIF orientation is ignored: the boxes of data sets are in raw pixels. A user's own pictures are read by ``given.py``.
"""

import warnings
from collections.abc import Iterator
from concurrent.futures import Executor

import pyarrow as pa
import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image, encode_jpeg

from overfeat.images.given import pixels_of
from overfeat.images.inspect import open_whole

# torchvision 0.29 announces that its decoders will move to TorchCodec; pyproject.toml keeps that release out
warnings.filterwarnings("ignore", "The image decoding and encoding capabilities of TorchVision", DeprecationWarning)


def decode(data: bytes) -> Tensor:
    """Return the picture as uint8 RGB ``(3, H, W)``; greyscale is repeated, transparency dropped.

    Raises:
        PictureError: if neither decoder can read it.
    """
    try:
        image: Tensor = decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)
    except (RuntimeError, ValueError):
        return _decode_with_pillow(data)
    return image


def decoded(jpegs: pa.ChunkedArray, pool: Executor, ahead: int = 64) -> Iterator[Tensor]:
    """Yield the decoded pictures ``(3, H, W)`` of a binary column in order, at most ``ahead`` of them decoded early."""
    pending = []
    for jpeg in jpegs:
        pending.append(pool.submit(decode, jpeg.as_py()))
        if len(pending) > ahead:
            yield pending.pop(0).result()
    for future in pending:
        yield future.result()


def _decode_with_pillow(data: bytes) -> Tensor:
    return pixels_of(open_whole(data))


def encode(image: Tensor, quality: int) -> bytes:
    """Return a uint8 ``(3, H, W)`` picture as JPEG bytes of the given quality (1 to 100)."""
    jpeg: Tensor = encode_jpeg(image, quality)
    return jpeg.numpy().tobytes()
