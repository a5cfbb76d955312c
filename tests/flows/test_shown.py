"""What a flow shows in Prefect, fetched back through the API."""

import hashlib
import importlib
import json
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # a flow takes 5 to 15 s, the server 20 s once


@pytest.fixture
def artifacts(prefect_home):
    importlib.import_module("flows")  # sets what Prefect reads when it is imported
    return importlib.import_module("flows.artifacts")


def _entry(artifacts, *outs, metrics=()):
    return artifacts.Entry("train", (), outs, metrics, ())


def test_a_flow_shows_progress_report_curves_and_where_the_results_are(toy, api_url, prefect_home, seen):
    toy.control("curves")
    toy.control("steps", 8)  # of each unit
    toy.control("sleep", 0.6)
    (toy.root / "data/results").mkdir(parents=True)
    words = ("--set", "square.count=2", "--no-share")
    run = toy.start(
        "python", "-m", "flows.reproduce", *words, PREFECT_API_URL=api_url, PREFECT_HOME=prefect_home, TOY_WORKERS=1
    )
    shown = set()

    def ended():
        found = seen.post("artifacts/filter", artifacts={"key": {"any_": ["progress-square"]}})
        shown.update(artifact["data"] for artifact in found)
        return run.poll() is not None

    toy.wait(ended, seconds=150)
    assert run.wait() == 0, toy.said()
    assert {value for value in shown if 0 < value < 50}  # within the first of two units
    assert seen.artifact("progress-square")["data"] == 100
    assert seen.artifact("progress-total")["data"] == 100

    curves = seen.artifact("curves-total")["data"]
    assert "`data/plots/curves.csv`" in curves
    rows = [line for line in curves.splitlines() if line.startswith("| ")]
    assert rows[0] == "| epoch | loss |"
    assert len(rows) == 2 + 20
    assert (rows[2], rows[-1]) == ("| 1 | 1 |", "| 50 | 0.02 |")

    report = seen.artifact("report")["data"]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=toy.root, capture_output=True, text=True).stdout.strip()
    assert f"| git commit | {commit} |" in report
    assert "| overrides | ['square.count=2'] |" in report
    assert "| square | 2 units worked |" in report
    value = json.loads((toy.root / "metrics.json").read_text())["all"]["sum"]
    assert f"| all.sum | {value} |" in report
    assert f"({(toy.root / 'data/results').as_uri()})" in seen.artifact("results")["data"]


def test_the_report_holds_the_summary_of_this_project(artifacts, tmp_path, monkeypatch):
    monkeypatch.delenv("OVERFEAT_STAGES", raising=False)
    values = {"top1_error_percent": 2.5, "top5_error_percent": 0.5, "pictures": 1000}
    metrics = {"classification": {"val": values}, "localization": {}, "detection": {}}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    (tmp_path / "params.yaml").write_text("model: mini\nsource: {recognition: a, detection: b}\n")
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\n")
    entry = _entry(artifacts, metrics=("metrics.json",))
    text = artifacts.report_text(tmp_path, [entry], {"profile": "fast"}, [["evaluate", "1 units worked", "2.5"]])
    assert "network    mini on a and b" in text
    assert "val        top-1 error 2.50 %, top-5 error 0.50 %, 1,000 pictures" in text
    assert "| profile | fast |" in text
    assert "| evaluate | 1 units worked | 2.5 |" in text
    assert "| classification.val.top1_error_percent | 2.5 |" in text
    assert f"| sha256 of dvc.lock | {hashlib.sha256((tmp_path / 'dvc.lock').read_bytes()).hexdigest()} |" in text


def test_curves_of_all_members_are_found_and_cells_that_are_no_number_stay(artifacts, tmp_path):
    for member in ("member-1", "member-0"):
        folder = tmp_path / "data/checkpoints" / member
        folder.mkdir(parents=True)
        (folder / "curves.csv").write_text("epoch,train_loss\n0,nan\n1,0.123456\n")
    text = artifacts.curves_text(tmp_path, _entry(artifacts, "data/checkpoints", "data/none"))
    assert text.index("member-0/curves.csv") < text.index("member-1/curves.csv")
    assert "| 0 | nan |\n| 1 | 0.1235 |" in text


@pytest.mark.parametrize(("rows", "most"), [(20, 20), (21, 20), (90, 20), (1, 20), (0, 20), (39, 2)])
def test_rows_are_spread_from_the_first_to_the_last(artifacts, rows, most):
    found = artifacts.spread(list(range(rows)), most)
    assert len(found) == len(set(found)) == min(rows, most)
    assert found == sorted(found)
    assert found[:1] + found[-1:] == list(range(rows))[:1] + list(range(rows))[-1:]


def test_keys_of_artifacts_hold_what_prefect_takes(artifacts):
    assert artifacts.artifact_key("progress", "train_classifier") == "progress-train-classifier"
    assert artifacts.artifact_key(Path("out/Metrics_1.json").stem) == "metrics-1"
