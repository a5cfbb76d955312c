"""Reading a picture's bytes: exactly those asked for, and never from outside the data set."""

import os

import pytest

from overfeat.errors import DatasetError
from overfeat.readers import read_bytes


@pytest.fixture
def root(tmp_path):
    """Return a data set with one file, beside a secret."""
    (tmp_path / "secret").write_bytes(b"secret")
    root = tmp_path / "data"
    (root / "cat").mkdir(parents=True)
    (root / "cat" / "a.jpg").write_bytes(b"0123456789")
    return root


@pytest.mark.parametrize(("offset", "length"), [(0, 10), (3, 4), (9, 1), (10, 0), (0, 0)])
def test_the_bytes_asked_for(root, offset, length):
    assert read_bytes(root, "cat/a.jpg", offset, length) == b"0123456789"[offset : offset + length]


@pytest.mark.parametrize(("offset", "length"), [(0, 11), (10, 1), (500, 2), (-1, 2), (2, -1)])
def test_bytes_that_are_not_there(root, offset, length):
    with pytest.raises(DatasetError, match=r"a\.jpg"):
        read_bytes(root, "cat/a.jpg", offset, length)


@pytest.mark.parametrize("file", ["../secret", "cat/../../secret", "..", "", ".", "cat", "none.jpg", "cat/a.jpg/b"])
def test_what_is_no_file_inside(root, file):
    with pytest.raises(DatasetError):
        read_bytes(root, file, 0, 1)


def test_absolute_paths_are_refused_even_of_files_inside(root):
    with pytest.raises(DatasetError, match="not a file inside"):
        read_bytes(root, str(root / "cat" / "a.jpg"), 0, 1)


@pytest.mark.parametrize("file", ["C:/a.jpg", "a\0b.jpg"])
def test_names_that_mean_something_else_elsewhere_are_refused(root, file):
    with pytest.raises(DatasetError, match="not a file inside"):
        read_bytes(root, file, 0, 1)


def test_links_out_are_refused_and_links_within_are_not(root):
    (root / "cat" / "out.jpg").symlink_to(root.parent / "secret")
    (root / "out").symlink_to(root.parent)
    (root / "top.jpg").symlink_to(root.parent / "secret")
    (root / "cat" / "within.jpg").symlink_to("a.jpg")
    for file in ("cat/out.jpg", "out/secret", "top.jpg"):
        with pytest.raises(DatasetError, match="not a file inside"):
            read_bytes(root, file, 0, 6)
    assert read_bytes(root, "cat/within.jpg", 0, 3) == b"012"


def test_an_archive_in_the_root_may_be_a_link(root):
    os.rename(root / "cat" / "a.jpg", root.parent / "far.tar")
    (root / "near.tar").symlink_to(root.parent / "far.tar")
    assert read_bytes(root, "near.tar", 2, 3) == b"234"


def test_the_root_itself_may_be_a_link(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    assert read_bytes(tmp_path / "link", "cat/a.jpg", 0, 2) == b"01"
