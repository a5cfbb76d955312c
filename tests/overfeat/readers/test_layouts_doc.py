"""docs/layouts.md: its example works as it stands, and its table knows every layout."""

import re
from pathlib import Path

import pytest

from overfeat import readers
from overfeat.errors import DatasetError
from overfeat.readers import READERS, ImageRecord, RejectRecord, open_dataset
from overfeat.readers.coco import CocoReader
from overfeat.readers.kaggle import KaggleReader
from overfeat.readers.records import Reader
from overfeat.readers.tiny_imagenet import TinyImagenetReader

ROOT = Path(__file__).parents[3]
DOC = (ROOT / "docs/layouts.md").read_text(encoding="utf-8")
ADDING = DOC[DOC.index("## Adding a layout: one file and one line") :]
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```", ADDING, re.DOTALL | re.MULTILINE)


@pytest.fixture
def example():
    names = {"__name__": "label_table"}
    exec(compile(EXAMPLE, "docs/layouts.md", "exec"), names)
    return names["LabelTableReader"]


@pytest.fixture
def opened(example, monkeypatch, tmp_path):
    """Ten pictures and their table, opened as ``auto`` does once the example is among the readers."""
    monkeypatch.setattr(readers, "READERS", (*READERS[:-1], example, *READERS[-1:]))
    (tmp_path / "sub").mkdir()
    for number in range(10):
        (tmp_path / "sub" / f"{number}.jpg").write_bytes(b"x" * (number + 1))
    lines = [f"sub/{number}.jpg,{'cat' if number % 2 else 'dog'}" for number in range(10)]
    (tmp_path / "labels.csv").write_text("\n".join([*lines, ""]))
    return open_dataset(tmp_path)


def test_the_example_is_a_reader(example):
    wanted = {name for name in vars(Reader) if not name.startswith("_")} | set(Reader.__annotations__)
    assert wanted == {"layout", "expects", "annotates_all", "recognises", "classes", "parts", "read"}
    assert {name for name in vars(example) if not name.startswith("_")} == wanted


def test_the_example_reads(opened, example):
    assert isinstance(opened, example)
    assert [record.label for record in opened.classes()] == ["cat", "dog"]
    assert opened.parts() == ["0"]
    records = list(opened.read("0"))
    assert [(one.image_id, one.split, one.label, one.file, one.length) for one in records] == [
        (str(i), "val" if i == 9 else "train", "cat" if i % 2 else "dog", f"sub/{i}.jpg", i + 1) for i in range(10)
    ]


def test_the_example_leaves_out_what_cannot_be_used(opened):
    table = opened.root / "labels.csv"
    table.write_text("sub/0.jpg,dog\nsub/0.jpg,cat\nsub/1.jpg,\n../secret.jpg,cat\nsub/77.jpg,cat\nno comma\n")
    records = list(opened.read("0"))
    assert [record.image_id for record in records if isinstance(record, ImageRecord)] == ["0"]
    assert [record.reason for record in records if isinstance(record, RejectRecord)] == [
        "duplicate picture",
        "no label",
        "outside the data set",
        "missing picture",
        "not a picture",
    ]


def test_the_example_names_what_is_missing(opened):
    with pytest.raises(DatasetError, match="not a part"):
        opened.read("1")
    (opened.root / "labels.csv").unlink()
    with pytest.raises(DatasetError, match=r"labels\.csv cannot be read"):
        opened.parts()


def test_every_layout_is_in_the_table_and_has_a_section():
    rows = re.findall(r"^\| `(\S+)` \|(?:.*\|){3} (yes|no) \|$", DOC, re.MULTILINE)
    said = {name: boxed == "yes" for name, boxed in rows}
    for reader in {*READERS, CocoReader, KaggleReader, TinyImagenetReader}:
        assert said[reader.layout] is reader.annotates_all
    assert sorted(said) == sorted(re.findall(r"^### `(\S+)`$", DOC, re.MULTILINE))
