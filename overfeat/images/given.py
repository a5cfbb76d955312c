"""A picture as a user gives it: a file, bytes, a Pillow picture, an array or a tensor; seen as a person sees it."""

import os
import struct
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from overfeat.errors import PictureError
from overfeat.images.inspect import open_whole
from overfeat.places import Place

if TYPE_CHECKING:
    AnyPicture: TypeAlias = "str | os.PathLike[str] | Place | bytes | Image.Image | NDArray[np.uint8] | Tensor"

_WANTED = "give a path, bytes, a Pillow picture, a uint8 array (H, W, 3) in RGB, or a uint8 tensor (3, H, W)"


def as_pixels(picture: "AnyPicture") -> Tensor:
    """Return a picture as uint8 RGB ``(3, H, W)``; EXIF orientation is applied, transparency dropped.

    Args:
        picture: a path or ``s3://`` address, the bytes of a file, a Pillow picture, an array uint8 ``(H, W)``,
            ``(H, W, 1)``, ``(H, W, 3)`` or ``(H, W, 4)``, or a tensor uint8 ``(1, H, W)`` or ``(3, H, W)``.

    Raises:
        PictureError: if it is none of these, or cannot be decoded whole.
        PlaceError: if there is no such file, or it may not be read.
    """
    if isinstance(picture, bytes):
        return decode_upright(picture)
    if isinstance(picture, str | os.PathLike | Place):
        try:
            return decode_upright(Place.of(picture).read_bytes())
        except PictureError as error:
            raise PictureError(f"{picture} cannot be looked at: {error}") from error
    if isinstance(picture, Image.Image):
        return _upright(picture)
    if isinstance(picture, Tensor):
        return _of_array(picture.detach().cpu().movedim(0, -1).numpy() if picture.ndim == 3 else np.asarray(picture))
    return _of_array(picture)


def decode_upright(data: bytes) -> Tensor:
    """Return the picture in a file's bytes, uint8 RGB ``(3, H, W)``, turned as its EXIF orientation says.

    Raises:
        PictureError: if it cannot be decoded whole; :func:`overfeat.images.decode.decode` lets truncated ones pass.
    """
    return _upright(open_whole(data))


def pixels_of(picture: Image.Image) -> Tensor:
    """Return a Pillow picture as uint8 RGB ``(3, H, W)``."""
    pixels = np.asarray(picture.convert("RGB"))
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def _upright(picture: Image.Image) -> Tensor:
    try:
        picture = ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error):  # broken EXIF: as it is
        warnings.warn("a picture's EXIF data cannot be read: it is taken as it lies", stacklevel=2)
    return pixels_of(picture)


def _of_array(array: Any) -> Tensor:
    if not isinstance(array, np.ndarray):
        raise PictureError(f"a picture cannot be a {type(array).__name__}: {_WANTED}")
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise PictureError(f"a picture cannot have the shape {array.shape}: {_WANTED}")
    if array.dtype != np.uint8:
        raise PictureError(f"a picture's values must be uint8, 0 to 255, not {array.dtype}: {_WANTED}")
    rgb = np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array[..., :3]
    return torch.from_numpy(rgb.transpose(2, 0, 1).copy())
