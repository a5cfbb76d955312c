"""Choosing a reader."""

import subprocess
import sys
from pathlib import Path

import pytest

from overfeat.errors import DatasetError
from overfeat.readers import READERS, open_dataset
from overfeat.readers.folder import FolderReader
from overfeat.readers.ilsvrc import IlsvrcReader


def test_layouts_have_names_of_their_own():
    names = [reader.layout for reader in READERS]
    assert len(names) == len(set(names))
    assert "auto" not in names


def test_auto_takes_the_layout_that_recognises_the_folder(release, tmp_path):
    assert isinstance(open_dataset(release.root), IlsvrcReader)
    (tmp_path / "plain" / "cat").mkdir(parents=True)
    (tmp_path / "plain" / "cat" / "a.jpg").touch()
    assert isinstance(open_dataset(tmp_path / "plain"), FolderReader)


def test_a_named_layout_is_taken_at_its_word(release):
    assert isinstance(open_dataset(release.root, "folder"), FolderReader)


def test_an_unknown_layout_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(DatasetError, match=r"'ilsvrc2021' \(did you mean 'ilsvrc2012'\?\).* auto, ilsvrc2012.* folder"):
        open_dataset(tmp_path, "ilsvrc2021")


def test_a_missing_folder_is_named_with_what_was_expected(tmp_path):
    with pytest.raises(DatasetError, match=f"no folder {tmp_path / 'none'}.*ILSVRC2012_img_train.tar"):
        open_dataset(tmp_path / "none", "ilsvrc2012")


def test_a_folder_of_no_layout_is_shown_with_the_layouts(tmp_path):
    (tmp_path / "thesis.pdf").touch()
    with pytest.raises(DatasetError, match=r"'thesis\.pdf'.*'ilsvrc2012'.*'folder'"):
        open_dataset(tmp_path)


def test_an_empty_folder_is_of_no_layout(tmp_path):
    with pytest.raises(DatasetError, match="holds nothing"):
        open_dataset(tmp_path)


def test_importing_the_readers_is_light():
    program = "import sys, overfeat.readers; print(sorted({'torch', 'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
