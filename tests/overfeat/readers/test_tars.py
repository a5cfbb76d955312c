"""The walk over headers, with ``tarfile`` as the oracle."""

import contextlib
import gzip
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.readers.tars import ArchiveBreak, open_archive, open_nested, read_member, walk

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300).filter(
    lambda name: name.strip("/")
)
FORMATS = st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.CONTTYPE])
MEMBERS = st.lists(st.tuples(NAMES, KINDS, st.binary(max_size=1500)), max_size=6)


def make_tar(members, form):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "x" * 200 if kind == tarfile.SYMTYPE else ""
            info.size = len(content) if kind in (tarfile.REGTYPE, tarfile.CONTTYPE) else 0
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def expected(content):
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for info in archive:
            kind = "file" if info.isfile() else "folder" if info.isdir() else "other"
            yield info.name.rstrip("/"), kind, info.offset, info.offset_data, info.size


@settings(deadline=None)
@given(MEMBERS, FORMATS, st.integers(0, 3))
def test_members_are_those_tarfile_finds_wherever_the_tar_begins(members, form, blocks):
    content = make_tar(members, form)
    shift = blocks * 100
    stream = io.BytesIO(b"?" * shift + content)
    found = [
        (member.name.rstrip("/"), member.kind, member.header - shift, member.offset - shift, member.length)
        for member in walk(stream, shift, shift + len(content))
    ]
    assert found == list(expected(content))


def test_a_name_that_is_not_text_is_written_out():
    content = bytearray(make_tar([("caf?.JPEG", tarfile.REGTYPE, b"x")], tarfile.USTAR_FORMAT))
    content[3] = 0xE9
    content[148:156] = b"%06o\0 " % (sum(content[:148]) + 8 * 32 + sum(content[156:512]))
    (member,) = walk(io.BytesIO(bytes(content)))
    assert member.name == "caf\\xe9.JPEG"
    assert member.name.encode("utf-8")


def test_a_sparse_file_is_no_plain_file():
    info = tarfile.TarInfo("n_1.JPEG")
    info.pax_headers, info.size = {"GNU.sparse.major": "1"}, 1
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(b"x"))
    assert [member.kind for member in walk(io.BytesIO(stream.getvalue()))] == ["other"]


def pax_header(records):
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, len(records)
    return info.tobuf(tarfile.USTAR_FORMAT) + records.ljust(512, b"\0")


@pytest.mark.parametrize(
    "records",
    [
        b"no length",
        b"99 path=a\n",
        b"0 path=a\n",
        b"-9 path=a\n",
        b"8 path a\n",
        b"10 size=-5\n",
        b"11 size=1e9\n",
        b"9" * 400 + b" path=a\n",
    ],
)
def test_damaged_extension_records_break_the_walk(records):
    content = pax_header(records) + make_tar([("a", tarfile.REGTYPE, b"x")], tarfile.USTAR_FORMAT)
    with pytest.raises(ArchiveBreak) as caught:
        list(walk(io.BytesIO(content)))
    assert (caught.value.header, caught.value.reason) == (0, "damaged archive")


def test_a_huge_extension_is_not_read_into_memory():
    info = tarfile.TarInfo("long name")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    with pytest.raises(ArchiveBreak, match="damaged"):
        read_member(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT)), 0)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_negative_size_breaks_the_walk(kind):
    info = tarfile.TarInfo("a")
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"\xff" * 12  # how GNU writes -1
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:512]))
    with pytest.raises(ArchiveBreak, match="damaged archive at byte 0"):
        read_member(io.BytesIO(bytes(block) + b"9 path=a\n"), 0)


@settings(deadline=None)
@given(MEMBERS, FORMATS, st.data())
def test_any_change_of_bytes_gives_members_or_a_break_and_nothing_else(members, form, data):
    content = bytearray(make_tar(members, form))
    for _ in range(3):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ArchiveBreak):
        for member in walk(io.BytesIO(bytes(content)), 0, len(content)):
            assert 0 < member.offset <= member.offset + member.length <= len(content)


def test_archives_open_by_their_first_bytes_not_their_names(tmp_path):
    content = make_tar([("a", tarfile.REGTYPE, b"content of a")], tarfile.USTAR_FORMAT)
    path = tmp_path / "archive.tar.gz"
    for written in (content, gzip.compress(content)):
        path.write_bytes(written)
        with open_archive(path) as stream, open_nested(written) as nested:
            for opened in (stream, nested):
                (member,) = walk(opened)
                opened.seek(member.offset)
                assert opened.read(member.length) == b"content of a"
