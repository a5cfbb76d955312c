"""Questions in SQL: the same as in pandas, of finished runs alone, and nothing that a question could change."""

import sys
from pathlib import Path

import pandas as pd
import pytest

import overfeat
from overfeat.errors import PlaceError, ResultsError, SettingsError, UnreachableError
from overfeat.places import Place
from overfeat.results.schemas import DECISIONS, PICTURES, REJECTS, WINDOWS
from overfeat.results.sql import MANIFEST, TABLES, query
from overfeat.results.store import write_table
from tests.overfeat.results.export.made_project import Project, random_project, write_results
from tests.overfeat.results.made_runs import make_batch, make_pipeline


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Results and manifest in ``data``, as a project has them, with this folder as the working folder."""
    monkeypatch.chdir(tmp_path)
    return random_project(tmp_path / "data", 8)


def test_it_counts_as_pandas_does(project: Project) -> None:
    answer = query("SELECT label, count(*) AS n, max(score) AS best FROM detections GROUP BY label ORDER BY label")
    groups = overfeat.read_detections().groupby("label", observed=True)["score"]
    expected = pd.DataFrame({"n": groups.size(), "best": groups.max()}).reset_index()
    assert len(answer) == 3
    pd.testing.assert_frame_equal(answer, expected.astype({"label": str}), check_dtype=False)


def test_all_columns_come_as_they_are(project: Project) -> None:
    answer = query("FROM detections ORDER BY image_id, score DESC, x1")
    frame = overfeat.read_detections().sort_values(["image_id", "score", "x1"], ascending=[True, False, True])
    assert list(answer) == list(frame)
    for name in frame:
        assert [list(value) if name in ("members", "scales") else value for value in answer[name]] == [
            list(value) if name in ("members", "scales") else value for value in frame[name]
        ]


def test_results_are_joined_to_the_manifest(project: Project) -> None:
    answer = query(
        "SELECT image_id, width, count(score) AS n FROM images LEFT JOIN detections USING (image_id) "
        "GROUP BY ALL ORDER BY ALL"
    )
    counts = project.detections["image_id"].value_counts()
    assert answer.to_numpy().tolist() == [[one, 400, int(counts.get(one, 0))] for one in project.image_ids]


def test_every_table(tmp_path: Path) -> None:
    root, batches = make_pipeline(tmp_path / "data"), make_batch(tmp_path / "data/batches", "b1")
    manifest = random_project(tmp_path / "other").manifest
    write_table(manifest / "rejects.parquet", {"image_id": [], "file": [], "reason": [], "detail": []}, REJECTS)
    where = {"root": root, "windows": tmp_path / "data/windows", "batches": batches, "manifest": manifest}
    assert query("SHOW TABLES", **where)["name"].tolist() == sorted(TABLES)
    for table, schema in {**DECISIONS, "windows": WINDOWS, "pictures": PICTURES}.items():
        assert query(f"DESCRIBE {table}", **where)["column_name"].tolist() == schema.names
        assert query(f"SELECT count(*) AS n FROM {table}", **where)["n"][0] > 0
    for table in MANIFEST:
        assert len(query(f"SUMMARIZE {table}", **where)) == len(query(f"DESCRIBE {table}", **where))


def test_finished_runs_count_and_no_other(project: Project, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for run in ("one", "two", "unfinished", ".three.aside"):
        write_results(runs / run, {"detections": project.detections.assign(run=run)}, run)
        if run != "unfinished":
            (runs / run / "run.json").write_text("{}")
    answer = query("SELECT run, count(*) AS n FROM detections GROUP BY run ORDER BY run", root=runs)
    assert answer.to_numpy().tolist() == [["one", len(project.detections)], ["two", len(project.detections)]]


def test_a_folder_of_runs_has_its_own_evidence_and_pictures(project: Project, tmp_path: Path) -> None:
    runs = make_batch(tmp_path / "runs", "b1")
    sql = "SELECT path FROM detections JOIN windows USING (image_id) JOIN pictures USING (image_id)"
    assert set(query(sql, root=runs)["path"]) == {"1", "2"}
    make_batch(tmp_path / "data/batches", "b2")
    assert query("SELECT DISTINCT run FROM pictures")["run"].tolist() == ["b2"]  # the project's own batches
    assert query("SELECT DISTINCT run FROM pictures", root=runs)["run"].tolist() == ["b1"]
    assert query("SELECT DISTINCT run FROM pictures", batches=runs)["run"].tolist() == ["b1"]
    assert query("SELECT DISTINCT run FROM windows", windows=runs)["run"].tolist() == ["b1"]


@pytest.mark.parametrize("name", ["a*b?", "c[d]", "it's", "run=3", "ü é"])
def test_a_folder_may_have_any_name(project: Project, tmp_path: Path, name: str) -> None:
    other = tmp_path / "aXbY" / "detections"
    other.mkdir(parents=True)
    (other / "r.parquet").write_bytes(b"no table")
    folder = project.root.rename(tmp_path / name)
    answer = query("SELECT run, count(*) FROM detections GROUP BY run", root=folder)
    assert answer.to_numpy().tolist() == [["r", len(project.detections)]]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM windows", "there are no windows in data/windows: run `make run`, or name another folder of"),
        ("SELECT 1 FROM Pictures", r"there are no pictures of batches in data/batches: run `python -m flows.detect_"),
        ("SELECT * FROM localizations", "there are no localizations in data/results: run `make run`"),
        ("FROM rejects", "there are no rejects in data/manifest: run `make run`"),
        ("FROM detection", r'Table with name detection does not exist! Did you mean "detections"\?'),
        (
            "SELECT scor FROM detections",
            'Referenced column "scor" not found in FROM clause! Candidate bindings: "score"',
        ),
        ("SELEC 1", 'cannot be answered: syntax error at or near "SELEC"$'),
        ("SELECT label::int FROM detections", r"Could not convert string '\w+' to INT32[^\n]*$"),
        ("", "a question is one SELECT .*, not 0 statements"),
        ("SELECT 1; SELECT 2", "not 2 statements"),
        ("CREATE TABLE t AS SELECT 1", "not CREATE"),
        ("SET threads = 1", "not SET"),
        ("INSTALL httpfs", "not LOAD"),
        ("SELECT * FROM detections WHERE score > 'x'", "Could not convert string 'x' to FLOAT"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence(project: Project, sql: str, message: str) -> None:
    with pytest.raises(ResultsError, match=message) as told:
        query(sql)
    assert "\n" not in str(told.value)


def writes(to: str) -> list[str]:
    """Return ways to write a file."""
    copy = f"COPY (SELECT 1 AS a) TO '{to}' (FORMAT parquet, USE_TMP_FILE false)"
    pivot = f"COPY (PIVOT (SELECT 1 AS a) ON a USING count(*)) TO '{to}' (FORMAT csv, USE_TMP_FILE false)"
    within = f"WITH x AS ({copy}) SELECT 1"
    quoted = within.replace("'", "''")
    return [
        copy,
        copy.replace(", USE_TMP_FILE false", ""),
        pivot,
        within,
        f"EXPLAIN ANALYZE {copy}",
        f"SELECT * FROM query('{quoted}')",
        f"ATTACH '{to}' AS other",
        f"WITH x AS (ATTACH '{to}' AS other) SELECT 1",
        f"EXPORT DATABASE '{to}'",
        "SELECT 1; " + copy,
    ]


@pytest.mark.parametrize("number", range(len(writes(""))))
def test_no_question_writes(project: Project, tmp_path: Path, number: int) -> None:
    table = project.root / "detections/r.parquet"
    free = tmp_path / "new.parquet"

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = files()
    for to in (
        table,
        table.relative_to(tmp_path),
        f"file://{table}",
        free,
        "overfeat://detections/0",
        "overfeat://new",
    ):
        sql = writes(str(to))[number]
        with pytest.raises(ResultsError) as told:
            query(sql)
        assert "\n" not in str(told.value)
        assert files() == before


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM '{}'",
        "SELECT * FROM read_parquet('{}')",
        "SELECT * FROM read_blob('{}')",
        "SELECT * FROM glob('{}*')",
        "SELECT * FROM read_csv('https://example.com/x.csv')",
        "SELECT * FROM 's3://bucket/x.parquet'",
        "SELECT * FROM frame",  # a variable of the caller
    ],
)
def test_no_question_reads_anything_else(project: Project, tmp_path: Path, sql: str) -> None:
    frame = overfeat.read_detections()
    assert len(frame)
    frame.to_parquet(tmp_path / "mine.parquet")
    with pytest.raises(ResultsError, match=r"Cannot access file|does not exist"):
        query(sql.format(tmp_path / "mine.parquet"))


def test_no_question_changes_a_setting(project: Project) -> None:
    with pytest.raises(ResultsError, match="has been locked"):
        query("SELECT * FROM enable_logging(storage = 'file', storage_config = {'path': 'log'})")
    settings = query("SELECT name, value FROM duckdb_settings() WHERE name LIKE 'auto%extensions' ORDER BY name")
    assert settings["value"].tolist() == ["false", "false"]


def test_a_damaged_table_matters_only_if_it_is_asked_for(project: Project) -> None:
    file = project.root / "processed/r.parquet"
    file.write_bytes(file.read_bytes()[:-4] + b"XXXX")
    assert query("SELECT count(*) AS n FROM detections")["n"][0] == len(project.detections)
    with pytest.raises(ResultsError, match=r"data/results/processed/r.parquet"):
        query("FROM processed")
    file = project.root / "detections/r.parquet"
    data = bytearray(file.read_bytes())
    data[40:400] = bytes(360)
    file.write_bytes(data)
    with pytest.raises(ResultsError, match=r"cannot be answered: .*"):
        query("SELECT * FROM detections")


def test_a_place_that_cannot_be_read_matters_only_if_it_is_asked_for(project: Project) -> None:
    (project.manifest / "images.parquet").unlink()
    (project.manifest / "images.parquet").mkdir()
    assert len(query("FROM objects")) == len(project.objects)
    with pytest.raises((PlaceError, ResultsError), match=r"images.parquet"):
        query("FROM images")


def test_duckdb_is_missing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "overfeat.results.sql_engine", raising=False)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(SettingsError, match=r"SQL needs duckdb, which is missing: pip install 'overfeat\[query\]'"):
        query("SELECT 1")


@pytest.mark.slow
def test_a_bucket_answers_as_a_folder_does(project: Project, bucket: str) -> None:
    for file in Place.of(project.root.parent).files():
        name = str(file.place).removeprefix(str(project.root.parent))
        Place.of(f"s3://{bucket}/x{name}").write_bytes(file.place.read_bytes())
    where = {"root": f"s3://{bucket}/x/results", "manifest": f"s3://{bucket}/x/manifest"}
    sql = (
        "SELECT image_id, width, sum(score) AS s FROM detections JOIN images USING (image_id) GROUP BY ALL ORDER BY ALL"
    )
    pd.testing.assert_frame_equal(query(sql, **where), query(sql))
    with pytest.raises(ResultsError, match="a question only reads, and this one writes over a table"):
        query(writes("overfeat://detections/0")[3], **where)
    assert query("SELECT count(*) AS n FROM detections", **where)["n"][0] == len(project.detections)


@pytest.mark.slow
def test_a_bucket_that_cannot_be_reached(project: Project, bucket: str, s3_down: object) -> None:
    s3_down()  # type: ignore[operator]
    assert len(query("FROM objects", batches=f"s3://{bucket}/b")) == len(project.objects)
    with pytest.raises(UnreachableError, match="cannot be reached"):
        query("FROM pictures", batches=f"s3://{bucket}/b")
