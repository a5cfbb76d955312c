"""The real pipeline on a small sample: killed in the middle of its stages it ends where an undisturbed run ends."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from overfeat.models.checkpoints import load_state
from overfeat.results.queries import (
    read_classifications,
    read_detections,
    read_localizations,
    read_processed,
    read_windows,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SMALL = [
    "profile=mini",
    "sample.train_images=300",
    "sample.val_images=100",
    "sample.detection_train_images=60",
    "sample.detection_val_images=20",
    "preprocess.shard_images=20",
    "train_classifier.epochs=3",
    "train_localizer.epochs=3",
    "train_detector.epochs=3",
    "infer.unit_images=5",
]


class Project:
    """A copy of this checkout, with its own git and DVC, and settings that make its run short."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *words: str) -> str:
        done = subprocess.run(words, cwd=self.root, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def kill_during(self, stage: str, sign: str) -> None:
        """Start ``dvc repro STAGE`` and kill it with all it started once a file like ``sign`` is in its work."""
        with subprocess.Popen(
            ["dvc", "repro", stage],
            cwd=self.root,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            end = time.monotonic() + 120
            while not list((self.root / ".work" / stage).glob(sign)):
                assert process.poll() is None, f"{stage} ended before it could be killed"
                assert time.monotonic() < end
                time.sleep(0.005)
            os.killpg(process.pid, signal.SIGKILL)
        assert not (self.root / "dvc.lock").exists() or f"\n  {stage}:\n" not in (self.root / "dvc.lock").read_text()

    def outs(self) -> dict[str, object]:
        """Return the content of every out by its path: weights as tensors, other files as digests."""
        others = (self.root / "data/inbox", self.root / "data/batches")  # they belong to no stage
        files = [
            path
            for path in (self.root / "data").rglob("*")
            if path.is_file() and path.name != ".gitignore" and not any(map(path.is_relative_to, others))
        ]
        found: dict[str, object] = {"metrics": json.loads((self.root / "metrics.json").read_text())}
        for path in files:
            name = str(path.relative_to(self.root))
            weights = path.suffix == ".pt"
            found[name] = load_state(path) if weights else hashlib.sha256(path.read_bytes()).hexdigest()
        return found


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "OVERFEAT_", "OMP_"))}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}", "PYTHONPATH": ""}


def assert_went_on(stage: str, said: str) -> None:
    """Fail if a stage that was killed worked all its units again, or said nothing of them."""
    to_work, units = re.search(rf"{stage}: (\d+) of (\d+) units to work", said).groups()
    assert 0 < int(to_work) < int(units)


def same(first: object, second: object) -> bool:
    """Say whether two nested contents are equal, tensors bit for bit."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return torch.equal(first, second)
    return first == second


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole") / "template"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith("tests/") and name not in ("dvc.lock", "metrics.json"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    project = Project(root)
    project.run("python", "-m", "pipelines", "configure", *SMALL)
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "copy"]):
        project.run("git", *words)
    return root


@pytest.fixture(scope="module")
def calm(template: Path) -> Project:
    """Return a project whose run nobody disturbed."""
    project = Project(template.with_name("calm"))
    shutil.copytree(template, project.root)
    project.run("dvc", "repro")
    shard = sorted((project.root / "data/images_det").glob("val-*.parquet"))[0]
    (project.root / "data/inbox").mkdir()
    for number, data in enumerate(pd.read_parquet(shard, columns=["jpeg"])["jpeg"]):
        (project.root / f"data/inbox/{number}.jpg").write_bytes(data)
    return project


def test_killed_in_five_stages_it_ends_where_a_calm_run_ends(template: Path, calm: Project, tmp_path: Path) -> None:
    project = Project(tmp_path / "killed")
    shutil.copytree(template, project.root)
    project.kill_during("preprocess", "*/done/*")
    said = project.run("dvc", "repro", "preprocess")
    assert_went_on("preprocess", said)
    for stage in ("train_classifier", "train_localizer", "train_detector"):
        project.kill_during(stage, "*/partial/*/member-0/state.pt")
        assert "going on after epoch" in project.run("dvc", "repro", stage)
    project.run("dvc", "repro", "calibrate")  # as the calm run did: footers hold the hash of dvc.lock
    project.kill_during("infer", "*/done/*")
    assert_went_on("infer", project.run("dvc", "repro"))
    expected, got = calm.outs(), project.outs()
    assert expected.keys() == got.keys()
    assert [name for name in expected if not same(expected[name], got[name])] == []
    assert project.run("dvc", "status", "--json").strip() == "{}"


def test_a_second_run_does_nothing(calm: Project) -> None:
    said = calm.run("dvc", "repro")
    assert "Data and pipelines are up to date" in said
    assert "Running stage" not in said


def test_settings_of_merge_do_not_run_the_network(calm: Project) -> None:
    before = calm.outs()
    settings = ("merge.offsets=coarse", "merge.threshold=0.3", "merge.detection_threshold=0.4", "merge.members=[0]")
    calm.run("python", "-m", "pipelines", "configure", *SMALL, *settings)
    said = calm.run("dvc", "repro")
    ran = [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]
    assert ran == ["merge", "evaluate", "report"]
    after = calm.outs()
    assert {name for name in before if name.startswith("data/windows")} == {
        name for name in after if name.startswith("data/windows") and after[name] == before[name]
    }
    calm.run("python", "-m", "pipelines", "configure", *SMALL)
    assert "Running stage" not in calm.run("dvc", "repro")  # the old decisions come back from DVC's run cache
    assert same(calm.outs(), before)


def test_metrics_plots_and_the_summary(calm: Project) -> None:
    metrics = json.loads(calm.run("dvc", "metrics", "show", "--json"))
    of_task = metrics[""]["data"]["metrics.json"]["data"]
    measured, boxes = of_task["classification"]["val"], of_task["localization"]["val"]
    objects = of_task["detection"]["val"]
    assert (objects["pictures"], objects["objects"]) == (20, 40)
    assert 0 <= objects["map50_percent"] <= 100
    assert objects["map50_percent"] <= objects["coco_ap50_percent"] + 5  # alike, but for how the curve is filled in
    assert measured["pictures"] == boxes["pictures"] == 100
    assert 0 <= measured["top5_error_percent"] <= measured["top1_error_percent"] <= 100
    assert boxes["error_percent"] == pytest.approx(boxes["class_wrong_percent"] + boxes["box_wrong_percent"], abs=1e-3)
    assert boxes["error_low_percent"] <= boxes["error_percent"] <= boxes["error_high_percent"]
    assert 0 <= boxes["confidence_error_percent"] <= 100
    calm.run("dvc", "plots", "show", "--out", "plots")
    assert "training" in (calm.root / "plots/index.html").read_text()
    said = calm.run("python", "-m", "pipelines", "summary")
    assert f"top-1 error {measured['top1_error_percent']:.2f} %" in said
    assert f"mean average precision {objects['map50_percent']:.2f} %" in said
    assert "overfeat.read_detections()" in said


def test_results_can_be_asked(calm: Project) -> None:
    frame = read_classifications(calm.root / "data/results")
    assert frame["image_id"].nunique() == 100
    assert (frame.groupby("image_id", observed=True)["rank"].max() == 5).all()
    first = frame["image_id"].iloc[0]
    windows = read_windows(calm.root / "data/windows", image_ids=first)
    assert set(windows["image_id"]) == {first}
    assert set(windows["scale"]) == {1, 2, 3}


def test_boxes_can_be_asked_for_the_windows_they_were_merged_from(calm: Project) -> None:
    frame = read_localizations(calm.root / "data/results")
    assert frame["image_id"].nunique() == 100
    assert frame["confidence"].between(0, 1).all()
    first = frame["image_id"].iloc[0]
    windows = read_windows(calm.root / "data/windows", image_ids=first).set_index("window")
    for _, guess in read_localizations(calm.root / "data/results", image_ids=first).iterrows():
        merged = windows.loc[guess["members"]]
        boxes = merged[["box_x1", "box_y1", "box_x2", "box_y2"]].to_numpy()
        np.testing.assert_allclose(boxes.mean(0), guess[["x1", "y1", "x2", "y2"]].tolist(), atol=1e-3)
        assert sorted(set(merged["scale"])) == guess["scales"].tolist()


def test_detections_can_be_asked_and_nothing_found_is_told_from_not_looked_at(calm: Project) -> None:
    frame = read_detections(calm.root / "data/results")
    looked_at = read_processed(calm.root / "data/results").query("task == 'detection'").set_index("image_id")
    assert len(looked_at) == 20
    counts = frame["image_id"].astype(str).value_counts()
    assert looked_at["detections"].to_dict() == {image_id: counts.get(image_id, 0) for image_id in looked_at.index}
    assert set(frame["label"]) <= {f"n9000000{digit}" for digit in range(10)}  # no background
    for _, found in frame.head(5).iterrows():
        windows = read_windows(calm.root / "data/windows", image_ids=found["image_id"]).set_index("window")
        merged = windows.loc[found["members"]]
        boxes = merged[["box_x1", "box_y1", "box_x2", "box_y2"]].to_numpy()
        np.testing.assert_allclose(boxes.mean(0), found[["x1", "y1", "x2", "y2"]].tolist(), atol=1e-3)
        assert sorted(set(merged["scale"])) == found["scales"].tolist()


def test_the_ledger_has_the_negatives_of_every_epoch(calm: Project) -> None:
    ledger = pd.read_parquet(calm.root / "data/checkpoints/detector/member-0/negatives")
    assert set(ledger["epoch"]) == {1, 2, 3}
    assert ledger["score"].between(0, 1).all()
    assert 0 < ledger["hardest"].mean() < 1


@pytest.fixture(scope="module")
def brief(calm: Project) -> Project:
    """Return a copy of the calm project with settings for trainings of one epoch, which are not run yet."""
    project = Project(calm.root.with_name("brief"))
    shutil.copytree(calm.root, project.root, symlinks=True)
    trainings = [f"train_{what}.epochs=1" for what in ("classifier", "localizer", "detector")]
    project.run("python", "-m", "pipelines", "configure", *SMALL, *trainings)
    return project


@pytest.mark.parametrize("command", ["negatives", "sharing"])
def test_comparisons_of_detectors_are_one_command(brief: Project, command: str) -> None:
    before = brief.outs()
    brief.run("python", "-m", f"pipelines.{command}", "--out", command)
    table = pd.read_csv(brief.root / command / f"{command}.csv")
    assert len(table) == 3
    assert table["map50_percent"].between(0, 100).all()
    assert (brief.root / command / f"{command}.md").read_text().count("\n| ") == 3
    assert same(brief.outs(), before)


def test_features_trained_jointly_serve_all_tasks(calm: Project, tmp_path: Path) -> None:
    project = Project(tmp_path / "joint")
    shutil.copytree(calm.root, project.root, symlinks=True)
    project.run("python", "-m", "pipelines", "configure", *SMALL, "train_detector.features=joint")
    said = project.run("dvc", "repro")
    ran = [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]
    assert ran == ["train_detector", "calibrate", "infer", "merge", "evaluate", "report"]
    assert (
        read_classifications(project.root / "data/results")["model"].iloc[0]
        != (read_classifications(calm.root / "data/results")["model"].iloc[0])
    )


def test_the_papers_tables_are_one_command(brief: Project) -> None:
    before = brief.outs()
    brief.run("python", "-m", "pipelines.reproduce_tables", "--out", "tables", "--members", "2")
    table = pd.read_parquet(brief.root / "tables/tables.parquet")
    assert table.groupby("table", sort=False)["row"].nunique().to_dict() == {
        "classification": 6,
        "localization": 9,
        "detection": 3,
    }
    assert table["percent"].between(0, 100).all()
    assert table["verdict"].notna().equals(table["than"].notna())
    assert same(brief.outs(), before)


def test_a_sweep_needs_evidence_with_boxes(calm: Project) -> None:
    words = ["python", "-m", "pipelines.merge", "--sweep", "--split", "test"]
    done = subprocess.run(words, cwd=calm.root, env=environment(), capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no evidence with boxes" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("block", re.findall(r"^```(bash|python)\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
def test_the_readme_runs(calm: Project, block: tuple[str, str]) -> None:
    language, code = block
    if language == "bash":
        calm.run("bash", "-ec", code)
    else:
        before = "import overfeat; best = overfeat.read_classifications().query('rank == 1')\n"
        assert calm.run("python", "-W", "error", "-c", before + code).strip()


def test_the_tour_runs(calm: Project) -> None:
    shutil.copytree(ROOT / "docs/tour", calm.root / "docs/tour", dirs_exist_ok=True)
    calm.run("python", "-W", "error", "docs/tour/render.py")
    text = (calm.root / "docs/tour/tour.md").read_text()
    assert text.count("```text") == text.count("```python") == 8


def test_rubbish_costs_a_sentence(calm: Project, tmp_path: Path) -> None:
    project = Project(tmp_path / "rubbish")
    shutil.copytree(calm.root, project.root, symlinks=True)
    archive = project.root / "data/raw/sample/ILSVRC2012_img_train.tar"
    source = tmp_path / "source"
    shutil.copytree(archive.parent, source)
    (source / archive.name).write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    project.run("python", "-m", "pipelines", "configure", *SMALL, f"source={source}")
    done = subprocess.run(
        ["python", "-m", "pipelines", "manifest"], cwd=project.root, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "ILSVRC2012_img_train.tar is damaged" in done.stderr
    assert "Traceback" not in done.stderr
