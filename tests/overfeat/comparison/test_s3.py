"""Runs in a bucket are opened, explained and compared as those of a folder."""

from pathlib import Path

import pandas as pd
import pytest

from overfeat.comparison.diff import diff
from overfeat.places import Place
from overfeat.results.opening import list_runs, open_run
from overfeat.results.schemas import DIFF
from overfeat.results.store import read_table
from tests.overfeat.results.made_runs import make_batch, make_manifest, make_pipeline

pytestmark = pytest.mark.slow  # the server takes a second to start


@pytest.fixture
def there(bucket: str, tmp_path: Path) -> str:
    """Copy a run of the pipeline, its manifest, and two of batches to a bucket, and return its address."""
    make_pipeline(tmp_path / "data")
    make_manifest(tmp_path / "data" / "manifest")
    make_batch(tmp_path / "batches", "run-1", finished="2025-01-02T00:00:00+00:00")
    make_batch(tmp_path / "batches", "run-2", seed=1)
    for file in Place.of(tmp_path).files():
        (Place.of(f"s3://{bucket}") / str(file.place.path.relative_to(tmp_path))).write_bytes(file.place.read_bytes())
    return f"s3://{bucket}"


def test_a_run_in_a_bucket(there: str, tmp_path: Path) -> None:
    for folder in ("data/results", "batches"):
        here, away = open_run(tmp_path / folder), open_run(f"{there}/{folder}")
        assert (away.name, away.facts) == (here.name, here.facts)
        assert str(away.evidence).startswith(there)
        for rows in (away.detections(), away.localizations()):
            pd.testing.assert_frame_equal(away.explain(rows.iloc[0]), here.explain(rows.iloc[0]))
        pd.testing.assert_frame_equal(list_runs(f"{there}/{folder}"), list_runs(tmp_path / folder))
        assert repr(away).split(":")[-1] == repr(here).split(":")[-1]


def test_two_runs_in_a_bucket(there: str, tmp_path: Path) -> None:
    batches, manifest = f"{there}/batches", f"{there}/data/manifest"
    found = diff("run-1", "run-2", root=f"{there}/data/results", batches=batches, manifest=manifest, resamplings=5)
    here = diff(tmp_path / "batches" / "run-1", tmp_path / "batches" / "run-2", resamplings=5)
    pd.testing.assert_frame_equal(found.rows, here.rows)
    found.save(f"{there}/made/diff.parquet")
    assert read_table(f"{there}/made/diff.parquet", DIFF).num_rows == len(found.rows)
    measured = diff("made", f"{there}/data/results", root=f"{there}/data/results", manifest=manifest, resamplings=5)
    assert len(measured.metrics) == 4
