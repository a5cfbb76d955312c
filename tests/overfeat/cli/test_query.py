"""``overfeat query``: what it prints and writes, and that what a person can mend is one sentence."""

import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from overfeat.cli import main
from tests.overfeat.results.export.made_project import Project, random_project
from tests.overfeat.results.made_runs import make_batch, make_manifest, make_pipeline

PAGE = Path(__file__).parents[3] / "docs/query.md"
Run = Callable[..., tuple[int, str, str]]
COUNT = "SELECT label, count(*) AS n FROM detections GROUP BY label ORDER BY label"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return random_project(tmp_path / "data", 8)


@pytest.fixture
def counts(project: Project) -> list[list[object]]:
    return sorted(map(list, project.detections["label"].value_counts().items()))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str | Path) -> tuple[int, str, str]:
        code = main(["query", *(str(word) for word in words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_it_is_csv_where_no_terminal_is(run: Run, counts: list[list[object]]) -> None:
    code, out, said = run(COUNT)
    assert (code, said) == (0, "")
    frame = pd.read_csv(io.StringIO(out))
    assert list(frame) == ["label", "n"]
    assert frame.to_numpy().tolist() == counts


def test_it_is_a_table_on_a_terminal(run: Run, counts: list[list[object]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    code, out, _ = run(COUNT)
    header, dashes, *lines, last = out.splitlines()
    assert code == 0
    assert (header.split(), set(dashes), last) == (["label", "n"], {"-", " "}, "(3 rows)")
    assert [line.split() for line in lines] == [[label, str(n)] for label, n in counts]
    _, out, _ = run("FROM detections", "--limit", 2)
    assert len(out.splitlines()) == 5
    assert all(len(line) <= 60 for line in out.splitlines()[:-1])


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.parquet", "deep/a.CSV"])
def test_a_file_is_written_as_its_name_says(run: Run, counts: list[list[object]], tmp_path: Path, name: str) -> None:
    assert run(COUNT, "--out", name) == (0, "", "")
    path = tmp_path / name
    read = {".csv": pd.read_csv, ".json": pd.read_json, ".parquet": pd.read_parquet}[path.suffix.lower()]
    assert read(path).to_numpy().tolist() == counts
    before = path.read_bytes()
    code, _, said = run(COUNT, "--out", name)
    assert (code, said) == (2, f"overfeat: {name} is there already, and nothing is overwritten: name another file\n")
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir() if each.name != "data"] == [path.name]


def test_formats_and_limits(run: Run, counts: list[list[object]], tmp_path: Path) -> None:
    assert [list(row.values()) for row in json.loads(run(COUNT, "--format", "json", "--limit", 2)[1])] == counts[:2]
    assert run(COUNT, "--format", "table", "--limit", 1)[1].endswith("(1 of 3 rows)\n")
    assert run(COUNT, "--format", "csv", "--limit", 0)[1] == "label,n\n"
    assert run(COUNT, "--format", "table", "--out", "x.dat")[0] == 0
    assert (tmp_path / "x.dat").read_text().endswith("(3 rows)\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["FROM detection"], 'Table with name detection does not exist! Did you mean "detections"?'),
        (["FROM windows"], "there are no windows in data/windows: run `make run`, or name another folder of windows"),
        (["DROP VIEW detections"], "not DROP"),
        (["FROM detections", "--format", "parquet"], "Parquet is no text: name a file with --out"),
        (["FROM detections", "--out", "x.xls"], "x.xls does not say what to write: end it with .csv, .json, .parquet"),
        (["FROM detections", "--limit", "-1"], "--limit is -1: give a number of rows, 0 or more"),
        (["FROM detections", "--out", "data/results/x.parquet"], "would lie among the tables in data/results"),
        (["FROM detections", "--out", "data/x/../manifest/x.csv"], "would lie among the tables in data/manifest"),
        (["FROM detections", "--root", "nowhere"], "there are no detections in nowhere: run `make run`, or"),
        (["FROM detections", "--out", "data/results/detections/r.parquet/x.csv"], "would lie among the tables"),
        (["FROM detections", "--out", "taken/x.csv"], "taken/x.csv cannot be written"),
        (["SELECT label::int FROM detections", "--out", "x.csv"], "Could not convert string"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    run: Run, project: Project, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "taken").write_text("a file")
    code, out, said = run(*words)
    assert (code, out) == (2, "")
    assert said.startswith("overfeat: ")
    assert message in said
    assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "taken"]
    assert len(list(project.root.rglob("*.parquet"))) == 2


def test_the_examples_of_the_page_are_answered(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_pipeline(tmp_path / "data")
    make_batch(tmp_path / "data/batches", "b1")
    make_manifest(tmp_path / "data/manifest")
    page = PAGE.read_text(encoding="utf-8").replace("\n> ", "\n")
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    asked = r'^\$ (overfeat (?:[^"]|"(?:[^"\\]|\\.)*")*?)$'
    commands = [command for block in blocks for command in re.findall(asked, block, re.MULTILINE)]
    assert len(commands) == 8
    for command in commands:
        code, out, said = run(*shlex.split(command)[2:], "--format", "table")
        if "detction" in command or "detetions" in command:
            assert (code, said.strip()) == (2, page.split(f"$ {command}\n")[1].split("\n")[0])
        elif command.endswith('"FROM pictures"'):  # there are none where it was written
            assert code == 0
        else:
            assert (code, said) == (0, "")
            header = page.split(f"$ {command}\n")[1].split("\n")[0]
            assert out.splitlines()[0].split() == header.split()
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "page", "exec"), {})


def test_who_reads_no_further_ends_it_in_silence(project: Project, tmp_path: Path) -> None:
    sql = "SELECT * FROM detections, range(20000)"
    code = f"import sys; from overfeat.cli import main; sys.exit(main(['query', {sql!r}]))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"run,image_id")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_torch_is_not_waited_for(project: Project) -> None:
    code = f"import sys; from overfeat.cli import main; main(['query', {COUNT!r}]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
