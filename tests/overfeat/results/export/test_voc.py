"""Pascal VOC: what our own reader reads of it is what was found."""

import csv
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from overfeat.errors import ResultsError
from overfeat.readers import ImageRecord, ObjectRecord, open_dataset
from overfeat.readers.voc import VocReader
from overfeat.results.export import export
from overfeat.results.export.names import image_id_of
from overfeat.results.export.voc import _label
from overfeat.results.schemas import DETECTION
from tests.overfeat.results.export.made_project import LABELS, random_project, write_results

ODD = ["a b 1", "train/n1/x#2", "..", "/etc/passwd", 'C:\\"x"', "ü%2F", "a,b", "x" * 300, "\u2028<&>", ".hidden."]


def add_pictures(folder: Path) -> None:
    for file in (folder / "Annotations").iterdir():
        (folder / "JPEGImages" / f"{file.stem}.jpg").write_bytes(b"\xff\xd8")


def records(folder: Path) -> tuple[dict[str, str | None], pd.DataFrame]:
    """Return the split of every picture by the name of its file, and all objects."""
    reader = open_dataset(folder, "auto")
    assert isinstance(reader, VocReader)
    found = [record for part in reader.parts() for record in reader.read(part)]
    splits = {record.image_id: record.split for record in found if isinstance(record, ImageRecord)}
    objects = [record for record in found if isinstance(record, ObjectRecord)]
    assert len(found) == len(splits) + len(objects)  # and no rejects
    return splits, pd.DataFrame(objects)


def names(folder: Path) -> dict[str, str]:
    with (folder / "names.csv").open(newline="", encoding="utf-8") as stream:
        return {row["name"]: row["image_id"] for row in csv.DictReader(stream)}


@pytest.mark.parametrize("image_ids", [list("abcde"), ODD])
def test_our_reader_reads_it_back(tmp_path: Path, image_ids: Sequence[str]) -> None:
    project = random_project(tmp_path, 8, image_ids)
    out = tmp_path / "out"
    written = export("voc", out, root=project.root, manifest=project.manifest)
    assert written.counts == {"pictures": len(image_ids), "detections": len(project.detections)}
    add_pictures(out)
    splits, objects = records(out)
    by_name = names(out)
    assert sorted(by_name.values()) == sorted(image_ids)
    assert splits == dict.fromkeys(by_name, "val")
    keys = ["image_id", "label", "x1", "y1", "x2", "y2"]
    back = objects.assign(image_id=objects["image_id"].map(by_name))[keys]
    sides = back[keys[2:]].to_numpy()
    back[keys[2:]] = sides.astype(np.float32)
    assert np.abs(sides - back[keys[2:]]).max().max() < 1e-9  # nothing is rounded to whole pixels
    expected = project.detections[keys]
    pd.testing.assert_frame_equal(
        back.sort_values(keys, ignore_index=True), expected.sort_values(keys, ignore_index=True), check_dtype=False
    )
    assert sorted(VocReader(out).classes(), key=lambda record: record.label)[0].label in LABELS


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    project = random_project(tmp_path, 8, ODD)
    out = tmp_path / "out"
    export("voc", out, root=project.root, manifest=project.manifest)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest", "out", "results"]
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) == len(ODD) + 2
    assert {path.parent.name for path in files if path.suffix == ".xml"} == {"Annotations"}
    back = [image_id_of(name) for name in names(out)]
    assert sorted(one for one in back if one is not None) == sorted(one for one in ODD if len(one) < 100)


def test_what_an_annotation_holds(tmp_path: Path) -> None:
    project = random_project(tmp_path, 8, ["a/b"])
    found = project.detections.iloc[:1].assign(
        label="dog", score=0.1, confidence=0.25, x1=0.0, y1=1.5, x2=10.0, y2=20.25
    )
    write_results(project.root, {"detections": found.astype({"score": "float32"})})
    export("voc", tmp_path / "out", root=project.root, manifest=project.manifest)
    text = (tmp_path / "out/Annotations/a%2Fb.xml").read_text()
    assert text == (
        "<annotation>\n"
        "  <folder>JPEGImages</folder>\n"
        "  <filename>a%2Fb.jpg</filename>\n"
        "  <source><database>overfeat</database><image>a/b</image></source>\n"
        "  <size><width>400</width><height>300</height><depth>3</depth></size>\n"
        "  <segmented>0</segmented>\n"
        "  <object>\n"
        "    <name>dog</name>\n"
        "    <pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>\n"
        "    <bndbox><xmin>1</xmin><ymin>2.5</ymin><xmax>10</xmax><ymax>20.25</ymax></bndbox>\n"
        "    <score>0.100000001</score><confidence>0.25</confidence>\n"
        "  </object>\n"
        "</annotation>\n"
    )
    assert (tmp_path / "out/ImageSets/Main/val.txt").read_text() == "a%2Fb\n"


def test_what_is_not_known_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project = random_project(tmp_path, 8, ["a"])
    write_results(project.root, {"detections": project.detections.assign(confidence=np.float32(np.nan))})
    export("voc", "out", root=project.root)
    (file,) = (tmp_path / "out/Annotations").iterdir()
    root = ElementTree.parse(file).getroot()
    assert root.find("size") is None
    assert root.findtext("object/score")
    assert root.find("object/confidence") is None


def test_pictures_of_batches_are_listed_as_test(tmp_path: Path) -> None:
    project = random_project(tmp_path, 8)
    found = project.detections.assign(split="new")
    write_results(project.root, {"detections": found, "processed": [("r", "a", DETECTION, 1, 0, "m", "new")]})
    kept = found[found["image_id"] == "a"]
    write_results(project.root, {"detections": kept})
    export("voc", tmp_path / "out", root=project.root)
    add_pictures(tmp_path / "out")
    splits, objects = records(tmp_path / "out")
    assert splits == {"a": "test"}
    assert len(objects) == len(kept) > 0


def test_classes_that_xml_cannot_hold_are_a_sentence() -> None:
    with pytest.raises(ResultsError, match=r"the class 'a\\x01' has a character that XML cannot hold"):
        _label("a\x01")
    assert _label("<a&b>\r") == "&lt;a&amp;b&gt;&#13;"
