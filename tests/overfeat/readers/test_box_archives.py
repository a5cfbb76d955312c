"""Box archives: where in them annotations may lie, and what damage costs."""

import gzip
import random
import tarfile

import pytest

from overfeat.readers import ObjectRecord
from overfeat.readers.box_archives import read_boxes


@pytest.fixture
def annotation(build):
    """Return a function that makes the XML of one object whose left side tells it from others."""
    return lambda left: build.xml(build.object("cat", left, 0, 50, 60))


def objects(records):
    return [(record.image_id, record.x1) for record in records if isinstance(record, ObjectRecord)]


def rejects(records):
    return [(record.image_id, record.reason) for record in records if not isinstance(record, ObjectRecord)]


def test_annotations_are_found_by_their_stem_wherever_they_lie(release, annotation):
    names = ["n_1.xml", "Annotation/n/n_2.xml", "./val/n_3.XML", "../../etc/n_4.xml", "/n_5.xml"]
    path = release.boxes("train", *((name, annotation(i)) for i, name in enumerate(names, start=1)))
    records = list(read_boxes(path))
    assert objects(records) == [(f"n_{i}", i) for i in range(1, 6)]
    assert rejects(records) == []


def test_nested_archives_are_read(release, build, annotation):
    def nested(left):
        return build.tar((f"Annotation/n/n_{left}.xml", annotation(left)))

    path = release.boxes(
        "train",
        ("n1.tar", nested(1)),
        ("n2.tar.gz", gzip.compress(nested(2))),
        ("a/n3.tgz", gzip.compress(nested(3))),
        ("n4.tar.gz", nested(4)),
        ("n_5.xml", annotation(5)),
    )
    records = list(read_boxes(path))
    assert objects(records) == [(f"n_{i}", i) for i in range(1, 6)]
    assert rejects(records) == []


def test_archives_nested_without_end_are_not_followed(release, build, annotation):
    content = build.tar(("n_1.xml", annotation(1)))
    for _ in range(5):
        content = build.tar(("deeper.tar", content))
    assert rejects(read_boxes(release.boxes("train", ("deep.tar", content)))) == [("deeper", "bad annotation")]


def test_a_damaged_nested_archive_costs_itself_alone(release, build, annotation):
    good = gzip.compress(build.tar(("n_1.xml", annotation(1))))
    path = release.boxes(
        "train",
        ("a.tar.gz", good[: len(good) // 2]),
        ("b.tar", b"no tar" * 200),
        ("c.tar.gz", b"\x1f\x8bno gzip" * 9),
        ("d.tar", b""),
        ("e.tar.gz", good),
    )
    records = list(read_boxes(path))
    assert objects(records) == [("n_1", 1)]
    expected = ["truncated archive", "damaged archive", "truncated archive", "truncated archive"]
    assert rejects(records) == [(None, reason) for reason in expected]


def test_what_is_no_annotation_of_its_own_is_rejected(release, build, annotation):
    path = release.boxes(
        "val",
        (build.header("val", tarfile.DIRTYPE), b""),
        ("val/n_1.xml", annotation(1)),
        ("again/n_1.xml", annotation(9)),
        ("readme.txt", b"text"),
        ("._n_2.xml", b"left by a Mac"),
        ("n_3.xml", b""),
        (build.header("n_4.xml", tarfile.SYMTYPE, "/etc/passwd"), b""),
        ("n_5.xml", b" " * (5 << 20)),
        ("n_6.xml", annotation(6)),
    )
    records = list(read_boxes(path))
    assert objects(records) == [("n_1", 1), ("n_6", 6)]
    assert rejects(records) == [
        ("n_1", "bad annotation"),
        ("readme", "bad annotation"),
        ("n_3", "bad annotation"),
        ("n_4", "not a plain file"),
        ("n_5", "bad annotation"),
    ]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.97])
def test_a_cut_archive_gives_what_is_before_the_cut_and_says_so(release, annotation, share):
    # noise does not compress, so annotations lie all over the compressed bytes
    noise = [b"<!--" + random.Random(i).randbytes(200).hex().encode() + b"-->" for i in range(200)]
    members = [(f"n_{i}.xml", annotation(i) + noise[i]) for i in range(200)]
    path = release.boxes("train", *members)
    whole = objects(read_boxes(path))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    records = list(read_boxes(path))
    found = objects(records)
    assert found == whole[: len(found)]
    assert rejects(records) == [(None, "truncated archive")]
    assert len(whole) == 200
    assert len(found) >= 200 * share - 40  # the last pieces stay in the decompressor


def test_an_uncompressed_box_archive_is_read(release, build, annotation):
    path = release.boxes("train")
    path.write_bytes(build.tar(("n_1.xml", annotation(1))))
    assert objects(read_boxes(path)) == [("n_1", 1)]
