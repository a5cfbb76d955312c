"""Pictures of the gallery: small JPEG files."""

import io

from PIL import Image, UnidentifiedImageError

from overfeat.errors import PictureError

_QUALITY = 85


def small_picture(jpeg: bytes, side: int, image_id: str) -> bytes:
    """Return a stored picture with a longer side of at most ``side`` pixels, as JPEG; small ones keep their size.

    Raises:
        PictureError: if it cannot be decoded.
    """
    try:
        picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise PictureError(
            f"the stored picture {image_id!r} cannot be decoded ({error}): run the stage `preprocess` again"
        ) from error
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=_QUALITY)
    return encoded.getvalue()
