"""The files of one picture beside those of the release."""

import io
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

from overfeat.sample.encoding import annotate, encode

BOXES = [(3, (1, 2, 30, 40)), (0, (50, 0, 69, 10)), (3, (31, 41, 69, 46))]


@pytest.mark.parametrize(("mode", "depth"), [("RGB", 3), ("L", 1)])
@pytest.mark.parametrize("objects", [[], BOXES[:1], BOXES])
def test_an_annotation_says_what_the_picture_is(mode, depth, objects):
    xml = ElementTree.fromstring(annotate(Image.new(mode, (70, 47)), objects, "n90000003", "n90000003_17"))
    assert [int(xml.findtext(f"size/{name}")) for name in ("width", "height", "depth")] == [70, 47, depth]
    assert (xml.findtext("folder"), xml.findtext("filename")) == ("n90000003", "n90000003_17")
    found = [
        (thing.findtext("name"), tuple(int(thing.findtext(f"bndbox/{c}")) for c in ("xmin", "ymin", "xmax", "ymax")))
        for thing in xml.findall("object")
    ]
    assert found == [(f"n9000000{digit}", box) for digit, box in objects]


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_picture_becomes_a_jpeg_of_its_size_and_mode(mode):
    stored = Image.open(io.BytesIO(encode(Image.linear_gradient("L").resize((70, 47)).convert(mode))))
    assert (stored.format, stored.size, stored.mode) == ("JPEG", (70, 47), mode)
    assert stored.convert("L").getpixel((35, 1)) < 20
    assert stored.convert("L").getpixel((35, 45)) > 235
