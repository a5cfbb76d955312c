"""Tables in a bucket: written, read and asked as those of a folder."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import overfeat
from overfeat.errors import PlaceError, PlaceMissingError, ResultsError, UnreachableError
from overfeat.places import Place
from overfeat.results.schemas import CLASSIFICATIONS
from overfeat.results.store import concatenate, read_footer, read_table, write_table

pytestmark = pytest.mark.slow  # the server takes a second to start

LABELS = ["cat", "dog"]


def rows(run: str, count: int = 4) -> pd.DataFrame:
    data = [(run, f"p{number}", LABELS[number % 2], 1 / (1 + number), 1, "mini", "val") for number in range(count)]
    return pd.DataFrame(data, columns=CLASSIFICATIONS.names)


@pytest.fixture
def root(bucket: str) -> str:
    for folder, run in (("classifications", "a"), ("b/classifications", "b"), ("c/classifications", "c")):
        facts = {"run": run, "class_names": LABELS}
        write_table(f"s3://{bucket}/results/{folder}/0.parquet", rows(run), CLASSIFICATIONS, facts)
    Place.of(f"s3://{bucket}/results/b/run.json").write_bytes(b"{}")
    return f"s3://{bucket}/results"


def test_a_bucket_answers_as_a_folder_does(root: str, tmp_path: Path) -> None:
    for file in Place.of(root).files():
        (Place.of(tmp_path) / str(file.place).removeprefix(f"{root}/")).write_bytes(file.place.read_bytes())
    for question in ({}, {"labels": "dog"}, {"min_score": 0.4, "columns": ["image_id"]}, {"run": "b"}):
        there, here = (overfeat.read_classifications(place, **question) for place in (Place.of(root), tmp_path))
        pd.testing.assert_frame_equal(there, here)
    assert set(there["run"]) == {"b"}
    assert len(overfeat.read_classifications(root)) == 8  # run c is not finished
    table = concatenate([f"{root}/classifications/0.parquet", f"{root}/c/classifications/0.parquet"], CLASSIFICATIONS)
    assert table["run"].to_pylist() == ["a"] * 4 + ["c"] * 4
    assert read_footer(f"{root}/b/classifications/0.parquet")["run"] == "b"


def test_a_failed_write_leaves_the_old_object(root: str) -> None:
    file = Place.of(root) / "classifications/0.parquet"
    before = file.read_bytes()
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError, ValueError)):
        write_table(file, rows("a").assign(score="not a number"), CLASSIFICATIONS)
    assert file.read_bytes() == before


def test_filters_go_down_to_the_bucket(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large file in row groups only those are read that may hold an answer."""
    count = 100_000
    scores = [number / count for number in range(count)]
    same = {"run": "a", "image_id": "p", "label": "cat", "rank": 1, "model": "mini", "split": "val"}
    many = pd.DataFrame({"score": scores} | {name: [value] * count for name, value in same.items()})
    facts = {"run": "a", "class_names": LABELS}
    write_table(f"s3://{bucket}/r/classifications/0.parquet", many, CLASSIFICATIONS, facts, row_group=10_000)
    size = next(Place.match(f"s3://{bucket}/r/classifications/0.parquet")).size
    sent = served_bytes(monkeypatch)
    assert len(overfeat.read_classifications(f"s3://{bucket}/r", min_score=0.990005)) == 999
    assert 0 < sum(sent) < size / 2  # twice 64 kB of footer, and one of ten row groups


def served_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by the length of each range that the server, which is in this process, is asked for."""
    from werkzeug.serving import WSGIRequestHandler

    sent: list[int] = []

    def count(self: WSGIRequestHandler, *_words: object) -> None:
        if asked := self.headers.get("Range"):
            first, last = asked.removeprefix("bytes=").split("-")
            sent.append(int(last) - int(first) + 1)

    monkeypatch.setattr(WSGIRequestHandler, "log_request", count)
    return sent


def test_sentences(root: str, s3_keys, s3_down) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ResultsError, match=r"there are no results in s3://.*/detections: run `make run`"):
        overfeat.read_detections(root)
    with pytest.raises(PlaceError, match="there is no bucket no-such-bucket"):
        overfeat.read_detections("s3://no-such-bucket/results")
    with pytest.raises(PlaceMissingError, match="is not there: mend the path"):
        read_table(f"{root}/none.parquet", CLASSIFICATIONS)
    (Place.of(root) / "classifications/1.parquet").write_bytes(b"hello")
    with pytest.raises(ResultsError, match="not a readable Parquet file"):
        overfeat.read_classifications(root)
    s3_keys(False)
    with pytest.raises(PlaceError, match="may not be used with these credentials"):
        overfeat.read_classifications(root)
    s3_keys(True)
    s3_down()
    with pytest.raises(UnreachableError, match="just now"):
        overfeat.read_classifications(root)
