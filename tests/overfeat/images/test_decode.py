"""Decoding: every colour mode to RGB, and damage noticed."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from overfeat.errors import PictureError
from overfeat.images.decode import decode, encode
from overfeat.images.inspect import inspect


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    pixels = np.stack([x * 255 // size[0], y * 255 // size[1], (x + y) * 127 // size[0]], axis=2).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def as_bytes(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "PNG"), ("P", "PNG"), ("RGB", "BMP")]
)
def test_every_mode_becomes_rgb(mode: str, kind: str) -> None:
    data = as_bytes(picture(mode), kind, **({"quality": 95} if kind == "JPEG" else {}))
    pixels = decode(data)
    assert pixels.shape == (3, 30, 40)
    assert pixels.dtype == torch.uint8
    expected = np.asarray(picture(mode).convert("RGB")).transpose(2, 0, 1).astype(int)
    assert np.abs(pixels.numpy().astype(int) - expected).mean() < 4
    assert inspect(data) == (40, 30)


def test_exif_orientation_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = as_bytes(picture(), "JPEG", exif=exif)
    assert decode(data).shape == (3, 30, 40)
    assert inspect(data) == (40, 30)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello, I am no picture", "undecodable"),
        (as_bytes(picture(), "JPEG")[:-300], "truncated"),
        (as_bytes(picture(), "PNG")[:-30], "truncated"),
        (as_bytes(picture(), "JPEG")[:20], "undecodable"),
    ],
    ids=["empty", "text", "half a JPEG", "half a PNG", "a JPEG's head"],
)
def test_damage_is_noticed(data: bytes, reason: str) -> None:
    with pytest.raises(PictureError, match=f"^{reason}: "):
        inspect(data)


def test_what_nobody_can_read_is_one_error() -> None:
    with pytest.raises(PictureError):
        decode(b"hello")


def test_encode_and_decode_agree() -> None:
    pixels = torch.from_numpy(np.asarray(picture()).transpose(2, 0, 1).copy())
    again = decode(encode(pixels, 95))
    assert (pixels.int() - again.int()).abs().float().mean() < 3
