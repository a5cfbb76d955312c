"""Annotations: what a box becomes, and that damage costs one object and nothing else."""

import pytest

from overfeat.readers import ObjectRecord, RejectRecord
from overfeat.readers.annotations import parse_annotation, parse_whole_annotation


def parse(xml, **options):
    return list(parse_annotation(xml, "n_1", "boxes.tar", **options))


def test_every_object_is_taken_and_the_file_name_inside_is_not(build):
    xml = build.xml(
        build.object("cat", 0, 10, 63, 58),
        build.object("dog", 5, 5, 5, 5, extra="<difficult>1</difficult>"),
        build.object("cat", "1.5", " 2 ", "3e0", 4, extra="<difficult>0</difficult>"),
    )
    assert parse(xml) == [
        ObjectRecord("n_1", "cat", 0, 10, 64, 59),
        ObjectRecord("n_1", "dog", 5, 5, 6, 6, difficult=True),
        ObjectRecord("n_1", "cat", 1.5, 2, 4, 5),
    ]


def test_the_first_pixel_may_be_number_one(build):
    assert parse(build.xml(build.object("cat", 1, 1, 8, 4)), first_pixel=1) == [ObjectRecord("n_1", "cat", 0, 0, 8, 4)]


def test_a_box_that_hangs_over_is_kept_as_it_is(build):
    assert parse(build.xml(build.object("cat", -3, 0, 900, 500))) == [ObjectRecord("n_1", "cat", -3, 0, 901, 501)]


def test_no_object_is_no_record(build):
    assert parse(build.xml()) == []


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("<object><name>cat</name></object>", "no <bndbox>"),
        ("<object><bndbox><xmin>1</xmin></bndbox></object>", "no <name>"),
        ("<object><name> </name></object>", "no <name>"),
        ("<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>", "<ymin> is None"),
        (("cat", 1, 2, "three", 4), "<xmax> is 'three'"),
        (("cat", 1, 2, "", 4), "<xmax> is ''"),
        (("cat", 1, "nan", 3, 4), "not a finite number"),
        (("cat", 1, 2, 3, "inf"), "not a finite number"),
        (("cat", "1e999", 2, 3, 4), "not a finite number"),
    ],
)
def test_an_object_that_cannot_be_read_costs_itself_alone(build, bad, why):
    middle = bad if isinstance(bad, str) else build.object(*bad)
    first, reject, last = parse(build.xml(build.object("cat", 0, 0, 1, 1), middle, build.object("dog", 0, 0, 2, 2)))
    assert (first.label, last.label) == ("cat", "dog")
    assert isinstance(reject, RejectRecord)
    assert (reject.image_id, reject.reason, reject.file) == ("n_1", "bad annotation", "boxes.tar")
    assert why in reject.detail
    assert "Object 2" in reject.detail


def test_a_part_of_an_object_is_not_taken_for_the_object(build):
    hand = build.object("hand", 90, 90, 99, 99).replace("object>", "part>")
    xml = build.xml(build.object("person", 1, 2, 3, 4, extra=hand), f"<object><name>person</name>{hand}</object>")
    found, reject = parse(xml, first_pixel=1)
    assert found == ObjectRecord("n_1", "person", 0, 1, 3, 4)
    assert "Object 2" in reject.detail
    assert "no <bndbox>" in reject.detail


def test_a_whole_annotation_is_the_same_records(build):
    xml = build.xml(build.object("cat", 1, 1, 8, 4), build.object("", 1, 1, 8, 4), build.object("dog", 2, 2, 3, 3))
    whole = parse_whole_annotation(xml, "n_1", "boxes.tar", 1)
    assert whole == parse(xml, first_pixel=1)
    assert [type(record) for record in whole] == [ObjectRecord, RejectRecord, ObjectRecord]


LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
BILLION_LAUGHS = f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><annotation>&l9;</annotation>'.encode()
# a modern expat refuses the two others by itself, but not this one
ENTITY = b'<!DOCTYPE a [<!ENTITY x "cat">]><annotation><object><name>&x;</name></object></annotation>'
OUTSIDE_FILE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'


@pytest.mark.parametrize(
    "xml",
    [
        BILLION_LAUGHS,
        OUTSIDE_FILE,
        ENTITY,
        b"",
        b"<annotation><object>",
        b"\xff\xd8\xff\xe0",
        b'<?xml version="1.0" encoding="no-such-encoding"?><annotation/>',
        b'<?xml version="1.0" encoding="utf-8"?><annotation>\xff</annotation>',
    ],
)
def test_what_is_no_sound_xml_is_one_reject(xml):
    (reject,) = parse(xml)
    assert (reject.image_id, reject.reason) == ("n_1", "bad annotation")
    assert "not sound XML" in reject.detail
    whole = parse_whole_annotation(xml, "n_1", "boxes.tar")
    assert whole == RejectRecord("n_1", "boxes.tar", "unsound annotation", reject.detail)
