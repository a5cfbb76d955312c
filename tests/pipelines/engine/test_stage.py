import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

from overfeat.config import MergeSettings
from pipelines.engine.settings import stage_package
from pipelines.engine.stage import Stage, Unit, build_stage, check_units, gather


@dataclass(frozen=True)
class Fake(Stage):
    note: str
    merge: MergeSettings

    def plan(self):
        return [Unit("one")]

    def work(self, unit, folder): ...

    def finish(self, parts, out): ...


@pytest.fixture
def fake_stages(monkeypatch):
    package, module = types.ModuleType("fakestages"), types.ModuleType("fakestages.fake")
    package.SECTIONS, package.__path__, module.STAGE = {"merge": MergeSettings}, [], Fake
    monkeypatch.setitem(sys.modules, "fakestages", package)
    monkeypatch.setitem(sys.modules, "fakestages.fake", module)
    monkeypatch.setenv("OVERFEAT_STAGES", "fakestages")


def _parts(tmp_path: Path, *names: str) -> list[Path]:
    parts = []
    for name in names:
        part = tmp_path / "done" / name
        (part / "deep").mkdir(parents=True)
        (part / "deep" / f"{name}.txt").write_text(name)
        parts.append(part)
    return parts


def test_gather_links_the_files_of_all_parts(tmp_path):
    parts = _parts(tmp_path, "a", "b")
    gather(parts, tmp_path / "out")
    assert (tmp_path / "out/deep/a.txt").read_text() == "a"
    assert (tmp_path / "out/deep/b.txt").stat().st_ino == (parts[1] / "deep/b.txt").stat().st_ino


def test_gather_copies_a_file_that_has_another_name_already(tmp_path):
    [part] = _parts(tmp_path, "a")
    (tmp_path / "cached").hardlink_to(part / "deep/a.txt")
    gather([part], tmp_path / "out")
    assert (tmp_path / "out/deep/a.txt").stat().st_ino != (part / "deep/a.txt").stat().st_ino
    assert (tmp_path / "out/deep/a.txt").read_text() == "a"


def test_gather_of_nothing_is_an_empty_folder(tmp_path):
    gather([], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_gather_refuses_two_files_of_one_name(tmp_path):
    [part] = _parts(tmp_path, "a")
    with pytest.raises(ValueError, match=r"two units wrote deep/a\.txt"):
        gather([part, part], tmp_path / "out")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "a b"])
def test_a_unit_name_must_be_safe(name):
    with pytest.raises(ValueError, match="not safe"):
        check_units("s", [Unit(name)])


def test_unit_names_must_differ():
    check_units("s", [Unit("a"), Unit("b-1.x_y")])
    with pytest.raises(ValueError, match="two units are named 'a'"):
        check_units("s", [Unit("a"), Unit("b"), Unit("a")])


def test_a_stage_is_built_of_exactly_its_declared_params(fake_stages):
    assert stage_package() == "fakestages"
    built = build_stage("fake", {"note": "x", "merge": {"top_k": 7}})
    assert built == Fake("x", MergeSettings(top_k=7))
    with pytest.raises(TypeError, match="declares the params"):
        build_stage("fake", {"merge": {}})
    with pytest.raises(TypeError, match="declares the params"):
        build_stage("fake", {"note": "x", "merge": {}, "model": "fast"})
