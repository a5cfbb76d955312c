"""Encoded bytes to pixels and back.

torchvision's decoder does the work; Pillow takes what it refuses (BMP, TIFF, odd JPEGs) and is
the one that looks a picture through when a data set is read, since it alone notices a truncated file.
EXIF orientation is ignored: the boxes of data sets are in raw pixels.
"""

import io
import warnings

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image, encode_jpeg

from overfeat.errors import PictureError

# torchvision 0.29 announces that its decoders will move to TorchCodec; pyproject.toml keeps that release out
warnings.filterwarnings("ignore", "The image decoding and encoding capabilities of TorchVision", DeprecationWarning)

_BOMB_PIXELS = 1 << 28
Image.MAX_IMAGE_PIXELS = _BOMB_PIXELS


def inspect(data: bytes) -> tuple[int, int]:
    """Decode a picture whole and return its ``(width, height)`` in raw pixels.

    Raises:
        PictureError: "empty: ...", "truncated: ..." or "undecodable: ..."; the word before the colon is the reason.
    """
    return _open_whole(data).size


def _open_whole(data: bytes) -> Image.Image:
    if not data:
        raise PictureError("empty: the file has no bytes")
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except UnidentifiedImageError as error:
        raise PictureError("undecodable: not a picture in any format known here") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"undecodable: more than {_BOMB_PIXELS} pixels") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:  # what Pillow's plugins raise
        reason = "truncated" if "truncated" in str(error).lower() else "undecodable"
        raise PictureError(f"{reason}: {error}") from error
    return picture


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


def _decode_with_pillow(data: bytes) -> Tensor:
    pixels = np.asarray(_open_whole(data).convert("RGB"))
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def encode(image: Tensor, quality: int) -> bytes:
    """Return a uint8 ``(3, H, W)`` picture as JPEG bytes of the given quality (1 to 100)."""
    jpeg: Tensor = encode_jpeg(image, quality)
    return jpeg.numpy().tobytes()
