"""``conf/``, ``params.yaml`` and ``overfeat/config.py`` say the same, and ``configure`` takes only what they know."""

import dataclasses
import shutil
from pathlib import Path

import pytest
import yaml

from overfeat.config import SECTIONS
from overfeat.errors import SettingsError
from pipelines.engine.configure import check, compose, configure
from pipelines.engine.settings import load_params

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path):
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    return tmp_path


def test_the_params_in_the_repository_are_profile_mini():
    assert load_params(ROOT / "params.yaml") == compose(ROOT / "conf", ["profile=mini"])


@pytest.mark.parametrize("profile", ["mini", "mini_photos", "mini_cells", "fast", "accurate"])
def test_every_profile_is_valid(profile):
    check(compose(ROOT / "conf", [f"profile={profile}"]))


def test_config_yaml_names_every_setting_with_its_default():
    written = yaml.safe_load((ROOT / "conf/config.yaml").read_text())
    for name, cls in SECTIONS.items():
        defaults = {key: list(v) if isinstance(v, tuple) else v for key, v in dataclasses.asdict(cls()).items()}
        assert written[name] == defaults, name


def test_choices_are_written_and_what_changed_is_said(project):
    configure(project, ["profile=mini"])
    changes = configure(
        project, ["profile=mini", "source=/data/imagenet", "preprocess.quality=90", "merge.scales=[1,2]"]
    )
    params = load_params(project / "params.yaml")
    assert params["source"] == {"recognition": "/data/imagenet", "detection": "/data/imagenet"}
    assert params["preprocess"]["quality"] == 90
    assert params["merge"]["scales"] == [1, 2]
    assert sorted(changes) == [
        "merge.scales: None -> [1, 2]",
        "preprocess.quality: 95 -> 90",
        "source.detection: data/raw/sample_det -> /data/imagenet",
        "source.recognition: data/raw/sample -> /data/imagenet",
    ]
    before = (project / "params.yaml").stat().st_mtime_ns
    assert (
        configure(project, ["profile=mini", "source=/data/imagenet", "preprocess.quality=90", "merge.scales=[1,2]"])
        == []
    )
    assert (project / "params.yaml").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("profile=accurte", "no profile 'accurte' .*did you mean 'accurate'"),
        ("preprocess.qualty=90", "unknown setting preprocess.qualty .*did you mean 'preprocess.quality'"),
        ("preprocess=3", "unknown setting preprocess"),
        ("+new=1", "unknown setting"),
        ("preprocess.quality", "write name=value"),
        ("preprocess.quality=900", "from 1 to 100"),
        ("preprocess.quality=good", "of type int"),
        ("merge.scales=[1,", "cannot be composed"),
        ("merge.offsets=fin", "did you mean 'fine'"),
    ],
)
def test_a_wrong_choice_is_one_sentence_and_leaves_the_file(project, choice, said):
    (project / "params.yaml").write_text("source: mine\n")
    with pytest.raises(SettingsError, match=said) as caught:
        configure(project, [choice])
    assert "\n" not in str(caught.value)
    assert (project / "params.yaml").read_text() == "source: mine\n"


def test_a_section_that_conf_lacks_is_named(project):
    path = project / "conf/config.yaml"
    path.write_text(path.read_text().replace("evaluate:\n  bootstrap: 1000\n  seed: 0\n", ""))
    with pytest.raises(SettingsError, match="'evaluate' is missing"):
        configure(project, [])
