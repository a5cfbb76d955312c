"""One name for a stage everywhere, no code that a stage uses and DVC does not know of, and a frozen public surface."""

import importlib
import subprocess
import sys
from pathlib import Path

import grimp
import pytest
import yaml

import overfeat
from overfeat.config import SECTIONS
from overfeat.results import schemas

ROOT = Path(__file__).parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

UNTRACKED = {
    "overfeat",  # names only
    "overfeat.atomic",  # how a file is written, not what
    "overfeat.config",  # params.yaml holds the value of every setting
    "overfeat.errors",
}
"""Modules whose change can alter no out."""


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("overfeat", "pipelines", "flows", cache_dir=None)


def test_a_stage_has_one_name() -> None:
    assert set(STAGES) == set(SECTIONS) - {"source"}
    for name, stage in STAGES.items():
        assert stage["cmd"] == f"python -m pipelines {name}"
        assert name in stage["params"]
        assert f"pipelines/{name}.py" in stage["deps"]
        assert importlib.import_module(f"pipelines.{name}").STAGE.__name__.lower() == name.replace("_", "")


def test_every_section_of_the_params_is_declared_by_a_stage() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert set(params) == {name for stage in STAGES.values() for name in stage["params"]}


@pytest.mark.parametrize("name", STAGES)
def test_dvc_knows_all_code_a_stage_uses(name: str, imports: grimp.ImportGraph) -> None:
    used = {module for module in imports.find_upstream_modules(f"pipelines.{name}") if module.startswith("overfeat")}
    declared = [Path(dep) for dep in STAGES[name]["deps"] if dep.startswith("overfeat")]
    for module in used - UNTRACKED:
        path = Path(module.replace(".", "/"))
        file = path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")
        if (ROOT / file).stat().st_size:
            assert any(file.is_relative_to(dep) for dep in declared), f"{name} uses {file}, its deps do not name it"


@pytest.mark.parametrize("name", STAGES)
def test_declared_paths_exist_or_are_made(name: str) -> None:
    made = {
        next(iter(out)) if isinstance(out, dict) else out
        for stage in STAGES.values()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, ())
    }
    for dep in STAGES[name]["deps"]:
        assert dep.startswith("${source.") or dep in made or (ROOT / dep).exists()


def test_public_names() -> None:
    names = "OverFeat Recognizer dense diff explain export list_runs load_released merge_boxes normalize open_run "
    names += "query read_classifications read_detections read_localizations read_pictures read_processed read_windows"
    assert overfeat.__all__ == names.split()
    assert all(callable(getattr(overfeat, name)) for name in overfeat.__all__)


@pytest.mark.parametrize(
    ("schema", "columns"),
    [
        ("IMAGES", "image_id role split label width height file offset length"),
        ("OBJECTS", "image_id label x1 y1 x2 y2 difficult crowd"),
        ("VIEWS", "image_id picture_id split label left top width height x1 y1 x2 y2"),
        ("CLASSES", "role index label name"),
        ("REJECTS", "image_id file reason detail"),
        ("CLASSIFICATIONS", "run image_id label score rank model split"),
        (
            "WINDOWS",
            "run image_id split member scale flip window row col offset_y offset_x x1 y1 x2 y2 label score "
            "log_partition class_indices logits box_x1 box_y1 box_x2 box_y2 class_boxes",
        ),
        (
            "LOCALIZATIONS",
            "run image_id label score confidence x1 y1 x2 y2 rank members scales model split",
        ),
        ("DETECTIONS", "run image_id label score confidence x1 y1 x2 y2 members scales model split"),
        (
            "DIFF",
            "run_a run_b kind change image_id label_a label_b score_a score_b confidence_a confidence_b iou "
            "x1_a y1_a x2_a y2_a x1_b y1_b x2_b y2_b",
        ),
        ("PROCESSED", "run image_id task windows detections model split"),
        ("PICTURES", "run image_id path bytes modified_ns width height reason"),
        ("NEGATIVES", "image_id epoch scale flip x1 y1 x2 y2 label score hardest"),
        ("CALIBRATION", "task image_id label log_share mean_output log_area right"),
    ],
)
def test_columns(schema: str, columns: str) -> None:
    assert getattr(schemas, schema).names == columns.split()


def assert_not_loaded(module: str, imports: list[str]) -> None:
    code = f"import importlib, sys; [importlib.import_module(name) for name in {imports}]"
    code += f"; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_reading_results_does_not_wait_for_torch() -> None:
    assert_not_loaded("torch", ["overfeat.results.queries"])


def test_planning_and_sealing_a_stage_does_not_wait_for_torch() -> None:
    assert_not_loaded("torch", [f"pipelines.{name}" for name in [*STAGES, "detect_batch"]])


def test_the_script_of_the_checks_can_be_read_by_bash() -> None:
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)
