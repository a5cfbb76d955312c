"""A picture of the sample as the bytes of its two files: the JPEG, and the XML of its boxes."""

import io
from collections.abc import Iterable

from PIL import Image

from overfeat.sample.drawing import Box
from overfeat.sample.synsets import synset_of

_JPEG_QUALITY = 90
_ANNOTATION = """<annotation>
	<folder>{folder}</folder>
	<filename>{name}</filename>
	<source>
		<database>handwritten digits on photographs</database>
	</source>
	<size>
		<width>{width}</width>
		<height>{height}</height>
		<depth>{depth}</depth>
	</size>
	<segmented>0</segmented>
{objects}</annotation>
"""
_OBJECT = """	<object>
		<name>{synset}</name>
		<pose>Unspecified</pose>
		<truncated>0</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>{box[0]}</xmin>
			<ymin>{box[1]}</ymin>
			<xmax>{box[2]}</xmax>
			<ymax>{box[3]}</ymax>
		</bndbox>
	</object>
"""


def encode(image: Image.Image) -> bytes:
    """Return a picture as JPEG."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()


def annotate(image: Image.Image, objects: Iterable[tuple[int, Box]], folder: str, name: str) -> bytes:
    """Return the XML of a picture, as the release has it.

    Args:
        image: the picture.
        objects: digit, 0 to 9, and box of each object; corners are 0-based and inclusive, in pixels.
        folder: the folder that the XML names.
        name: the file name that the XML names, without a suffix.
    """
    width, height = image.size
    shown = "".join(_OBJECT.format(synset=synset_of(digit), box=box) for digit, box in objects)
    return _ANNOTATION.format(
        folder=folder, name=name, width=width, height=height, depth=len(image.getbands()), objects=shown
    ).encode()
