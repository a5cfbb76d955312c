"""Which stages a flow lets have the GPU one at a time."""

from pathlib import Path

import pytest
import yaml

from pipelines.engine.graph import read_graph
from pipelines.engine.settings import load_params
from pipelines.engine.stage import build_stage

ROOT = Path(__file__).parents[2]
ON_DEVICES = {"train_classifier", "train_localizer", "train_detector", "calibrate", "infer"}


@pytest.mark.parametrize("name", yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
def test_stages_whose_device_is_cuda_want_the_gpu(name):
    everything = load_params(ROOT / "params.yaml")
    for device in ("cuda", "cpu"):
        params = {
            key: value | {"device": device} if isinstance(value, dict) and "device" in value else value
            for key, value in ((param, everything[param]) for param in read_graph(ROOT)[name].params)
        }
        assert build_stage(name, params).gpu is (device == "cuda" and name in ON_DEVICES)
