"""Boxes drawn on a picture, with their labels, for people."""

import colorsys
import hashlib
from collections.abc import Mapping

import pandas as pd
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

_GAP = 2
_ROOM = 640
"""Pixels that the longer side has at least: labels on a small picture would hide what they name."""


def annotate(pixels: Tensor, boxes: pd.DataFrame, names: Mapping[str, str] | None = None) -> Image.Image:
    """Return a picture with its boxes drawn, those of the lowest score first; a small picture is enlarged.

    Args:
        pixels: uint8 RGB ``(3, H, W)``.
        boxes: rows of localizations or detections, in pixels of the picture.
        names: what labels are called for people; a label that is not in it stays as it is.
    """
    picture = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    times = max(1, _ROOM // max(picture.size))
    if times > 1:
        picture = picture.resize((times * picture.width, times * picture.height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    stroke = max(1, round(min(picture.size) / 250))
    font = ImageFont.load_default(max(10, min(picture.size) / 30))
    for box in boxes.sort_values("score").to_dict("records"):
        label = str(box["label"])
        words = (names or {}).get(label, label)
        certainty = box.get("confidence")
        text = f"{words} {certainty:.0%}" if certainty == certainty and certainty is not None else words
        x1, x2 = (min(max(0.0, times * box[side]), picture.width) for side in ("x1", "x2"))
        y1, y2 = (min(max(0.0, times * box[side]), picture.height) for side in ("y1", "y2"))
        corners = (x1, y1, max(x1, x2 - 1), max(y1, y2 - 1))
        colour = colour_of(label)
        draw.rectangle(corners, outline=colour, width=stroke)
        _write(draw, text, corners, colour, font, picture.size)
    return picture


def colour_of(label: str) -> tuple[int, int, int]:
    """Return a bright colour that is the same for a label wherever it is drawn."""
    hue = int.from_bytes(hashlib.blake2b(label.encode(), digest_size=4).digest(), "little") / 2**32
    red, green, blue = colorsys.hls_to_rgb(hue, 0.6, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)


def _write(
    draw: ImageDraw.ImageDraw,
    text: str,
    corners: tuple[float, float, float, float],
    colour: tuple[int, int, int],
    font: "ImageFont.ImageFont | ImageFont.FreeTypeFont",
    size: tuple[int, int],
) -> None:
    """Write the text above the box, or inside where there is no room above, and never outside the picture."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right - left + 2 * _GAP, bottom - top + 2 * _GAP
    x = max(0.0, min(corners[0], size[0] - width))
    y = corners[1] - height if corners[1] >= height else min(corners[1], max(0.0, size[1] - height))
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    draw.text((x + _GAP - left, y + _GAP - top), text, fill="black", font=font)
