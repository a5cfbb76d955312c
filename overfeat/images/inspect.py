"""A picture looked through with Pillow, which alone notices a truncated file; nothing here waits for torch."""

import io

from PIL import Image, UnidentifiedImageError

from overfeat.errors import PictureError

_BOMB_PIXELS = 1 << 28
Image.MAX_IMAGE_PIXELS = _BOMB_PIXELS


def inspect(data: bytes) -> tuple[int, int]:
    """Decode a picture whole and return its ``(width, height)`` in raw pixels.

    Raises:
        PictureError: "empty: ...", "truncated: ..." or "undecodable: ..."; the word before the colon is the reason.
    """
    return open_whole(data).size


def open_whole(data: bytes) -> Image.Image:
    """Return a picture, decoded whole. Raises what :func:`inspect` does."""
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
