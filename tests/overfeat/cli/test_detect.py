"""``overfeat detect``: what it says of pictures, what it draws, and what it refuses."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from overfeat.atomic import write_text
from overfeat.cli import main
from overfeat.config import InferSettings
from overfeat.inference.looking import Looking
from overfeat.results.schemas import DETECTION, RECOGNITION
from tests.pipelines.batches.small_project import make_checkpoints, picture

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "checkpoints"
    make_checkpoints(folder, seed=5)
    infer = InferSettings(scales=(1, 2), detection_scales=(1, 2, 3))
    looking = Looking(infer, {RECOGNITION: 50, DETECTION: 60}, {"ape": "great ape"})
    write_text(folder / "calibration/looking.json", looking.dumps())
    return folder


@pytest.fixture
def run(checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(picture(number, (90, 60)))

    def call(*words: str) -> tuple[int, str, str]:
        code = main(["detect", *words, "--checkpoints", str(checkpoints)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_all_that_is_seen_is_said(run: Run) -> None:
    code, out, err = run("1.png", "2.png", "--min-confidence", "0")
    assert (code, err) == (0, "")
    assert re.search(r"^1\.png  90x60\n  classes  \w+", out)
    assert re.search(r"\n2\.png  90x60\n", out)
    assert re.search(r"\n  box      .*  0\.\d+  \d+,\d+ to \d+,\d+\n", out)
    assert re.search(r"\n  objects  .*  0\.\d+  \d+,\d+ to \d+,\d+\n", out)
    assert "ape great ape" in out


def test_tables_for_programs(run: Run) -> None:
    _, text, _ = run("1.png", "2.png", "--min-confidence", "0", "--format", "csv")
    frame = pd.read_csv(io.StringIO(text))
    assert list(frame.columns) == ["picture", "what", "label", "name", "confidence", "score", "x1", "y1", "x2", "y2"]
    assert set(frame["what"]) == {"classes", "box", "objects"}
    assert set(frame["picture"]) == {"1.png", "2.png"}
    _, text, _ = run("1.png", "2.png", "--min-confidence", "0", "--format", "json")
    assert len([json.loads(line) for line in text.splitlines()]) == len(frame)


@pytest.mark.parametrize("only", ["classes", "box", "objects"])
def test_one_thing_alone(run: Run, only: str) -> None:
    _, text, _ = run("1.png", "--only", only, "--min-confidence", "0", "--format", "csv", "--top", "2")
    frame = pd.read_csv(io.StringIO(text))
    assert set(frame["what"]) == {only}
    assert len(frame) == 2 or only != "classes"


def test_nothing_found_is_said(run: Run) -> None:
    code, out, _ = run("1.png", "--min-confidence", "1")
    assert code == 0
    assert out.endswith("\n  objects  none\n")


def test_pictures_are_drawn_and_none_is_overwritten(run: Run, tmp_path: Path) -> None:
    assert run("1.png", "2.png", "--out", "seen", "--min-confidence", "0")[0] == 0
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == ["1.png", "2.png"]
    before = (tmp_path / "seen/1.png").read_bytes()
    assert Image.open(io.BytesIO(before)).size == (630, 420)
    code, out, err = run("2.png", "1.png", "--out", "seen")
    assert (code, out) == (2, "")
    assert re.fullmatch(r"overfeat: seen/\d\.png is there already, and is not overwritten: .*\n", err)
    assert (tmp_path / "seen/1.png").read_bytes() == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other/1.png").write_bytes(before)
    code, _, err = run("1.png", "other/1.png", "--out", "again")
    assert (code, (tmp_path / "again").exists()) == (2, False)
    assert "would both become again/1.png" in err
    (tmp_path / "taken").write_text("a file")
    assert "cannot be written" in run("1.png", "--out", "taken")[2]


def test_a_picture_that_cannot_be_read_costs_itself_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("hello")
    code, out, err = run("bad.jpg", "1.png", "gone.png")
    assert code == 2
    assert out.startswith("1.png  90x60\n")
    assert "overfeat: bad.jpg cannot be looked at: undecodable" in err
    assert "gone.png" in err
    assert err.endswith("overfeat: 2 of 3 pictures could not be looked at; the lines above say why\n")


def test_without_a_model_there_is_a_sentence_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = f"import sys; from overfeat.cli import main; main(['detect', 'a.png', '--checkpoints', {str(tmp_path)!r}])"
    done = subprocess.run(
        [sys.executable, "-c", code + "; sys.exit('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "looking.json: run the stage `calibrate`" in done.stderr


@pytest.mark.parametrize("words", [["--min-confidence", "2"], ["--top", "0"], ["--only", "dogs"]])
def test_values_out_of_range_are_refused(run: Run, words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run("1.png", *words)
    assert end.value.code == 2
