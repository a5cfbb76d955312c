"""What ImageNet needs: formulas beside oracles, and numbers and commands of docs/imagenet.md beside the code."""

import re
import subprocess
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import imagenet
from overfeat.inference.windows import WindowGrid, input_hw
from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat, normalize
from overfeat.models.tables import TABLES
from overfeat.readers.ilsvrc import BOXES, NEEDED
from pipelines.engine.configure import check, compose

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "imagenet.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def needs() -> dict[str, Any]:
    return imagenet.run(Namespace())


@pytest.mark.parametrize("model", TABLES)
@pytest.mark.parametrize("hw", [None, (281, 317)])
def test_features_count_what_torch_counts(model: str, hw: tuple[int, int] | None) -> None:
    with torch.device("meta"):
        net = OverFeat(model)
        height, width = hw or (net.window, net.window)
        with FlopCounterMode(display=False) as counter:
            net.features(torch.empty(1, 3, height, width))
    counted = sum(count for count, _, _ in imagenet.feature_maps(net.geometry, height, width))
    assert 2 * counted == counter.get_total_flops()
    if hw is None:
        assert counted + imagenet._heads(net.classifier) == net.geometry.multiply_adds(net.num_classes)


def test_a_view_keeps_what_torch_keeps_for_the_backward_pass() -> None:
    net, batch = OverFeat("mini", 20).train().to(memory_format=torch.channels_last), 4
    shapes = {tuple(weights.shape) for weights in net.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if tuple(tensor.shape) not in shapes:  # weights are counted by themselves
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    crops = torch.zeros(batch, 3, net.window, net.window, dtype=torch.uint8)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x), torch.autocast("cpu", torch.bfloat16):
        logits = net(normalize(crops).contiguous(memory_format=torch.channels_last)).flatten(1)
        loss = F.cross_entropy(logits.float(), torch.zeros(batch, dtype=torch.long))
    assert loss.isfinite()
    assert batch * imagenet.view_bytes(net) == pytest.approx(sum(kept.values()), rel=0.01)


@pytest.mark.parametrize("profile", ["fast", "accurate"])
def test_windows_are_those_of_the_grids(profile: str, needs: dict[str, Any]) -> None:
    geometry = Geometry(TABLES[profile])
    sizes = [input_hw(geometry, scale, *imagenet.PICTURE_HW) for scale in range(1, 7)]
    grids = [WindowGrid(geometry, size, imagenet.PICTURE_HW, flip) for size in sizes for flip in (False, True)]
    assert needs[profile]["windows_a_picture"] == sum(len(grid.windows()) for grid in grids)


def test_hours_are_operations_over_the_rate(needs: dict[str, Any]) -> None:
    views = 1_281_167 * 0.99 * 5 * 2 * 90
    for profile, multiply_adds in (("fast", 2_801_403_904), ("accurate", 5_355_446_784)):
        hours = 3 * 2 * multiply_adds * views / 100e12 / 3600
        assert needs[profile]["hours"][100]["train_classifier"] == pytest.approx(hours, abs=0.05)
        assert needs[profile]["loader_cores"][100] == pytest.approx(views / hours / 3600 / 2417.4, abs=0.05)


def _both(needs: dict[str, Any], key: str, form: str = "{:,.1f}") -> str:
    return " | ".join(form.format(needs[profile][key]) for profile in ("fast", "accurate"))


def test_the_pages_disk_and_memory_are_the_computed_ones(needs: dict[str, Any]) -> None:
    archives = f"{needs['archives_gb']:,.1f}"
    for row in (
        f"| the archives | {archives} | {archives} |",
        f"| `data/images`, training | {_both(needs, 'train_pictures_gb')} |",
        f"| `data/images`, validation | {_both(needs, 'val_pictures_gb')} |",
        f"| `data/checkpoints/classifier`, for each member | {_both(needs, 'classifier_gb')} |",
        f"| the same while it is trained | {_both(needs, 'resume_gb')} |",
        f"| `data/checkpoints/localizer`, for each member | {_both(needs, 'localizer_gb')} |",
        f"| `data/windows`, for each member | {_both(needs, 'evidence_gb')} |",
        f"| windows of a picture of 500x375 | {_both(needs, 'windows_a_picture', '{:,}')} |",
        f"| GPU, `train_classifier` | {_both(needs, 'training_gpu_gb')} |",
        f"| GPU, `infer`, one member | {_both(needs, 'infer_gpu_gb')} |",
    ):
        assert row in PAGE


@pytest.mark.parametrize("rate", imagenet.RATES)
def test_the_pages_hours_are_the_computed_ones(rate: int, needs: dict[str, Any]) -> None:
    cells = [f"{rate}"]
    for profile in ("fast", "accurate"):
        cells += [f"{hours:,.1f}" for hours in needs[profile]["hours"][rate].values()]
    for profile in ("fast", "accurate"):
        cells.append(f"{needs[profile]['views_per_second'][rate]:,} ({needs[profile]['loader_cores'][rate]})")
    assert f"| {' | '.join(cells)} |" in PAGE


def test_the_page_names_the_archives_as_the_reader_does() -> None:
    assert all(f"`{name}`" in PAGE for name in (*NEEDED, *BOXES.values()))


def test_the_pages_text_has_the_computed_numbers(needs: dict[str, Any]) -> None:
    views, ratio = needs["fast"]["views"], 5_355_446_784 / 2_801_403_904
    for text in (
        f"{imagenet.loader_speed():,.0f} crops a second",
        f"of {imagenet.TRAIN_PICTURES * 0.99:,.0f} pictures (1 % are held out): {views / 90 / 1e6:.1f} million views",
        f"90 epochs are {views / 1e9:.2f} billion",
        f"{views / 3600:,.0f}"[:3] + ",000 over that number",
        f"({views * ratio / 3600:,.0f}"[:4] + ",000 over its own number)",
        f"the number times {6 * 2_801_403_904 / 1e12:.4f}",
        f"({imagenet.VAL_PICTURES * imagenet.VAL_BYTES[461] / 1e9:.1f} GB)",
        f"add {100_000 * imagenet.VAL_BYTES[256] / 1e9:.1f} GB",
        f"{imagenet.ROW_BYTES['fast']:.0f} bytes (`fast`) and {imagenet.ROW_BYTES['accurate']:.0f}",
    ):
        assert text in " ".join(PAGE.split())


@pytest.mark.parametrize(
    "line", re.findall(r"^\$ ((?:make run|make flow|python -m pipelines configure).*)$", PAGE, re.MULTILINE)
)
def test_the_pages_settings_compose(line: str) -> None:
    chosen = re.findall(r"PROFILE=\w+|(?<![\w.])[a-z_]+(?:\.[a-z_]+)*=[^\s\"]+", line)
    assert chosen
    check(compose(ROOT / "conf", [word.replace("PROFILE=", "profile=") for word in chosen]))


@pytest.mark.parametrize("line", re.findall(r"^\$ (make .*)$", PAGE, re.MULTILINE))
def test_make_knows_the_pages_targets(line: str) -> None:
    done = subprocess.run(["bash", "-c", line.replace("make", "make -n", 1)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", PAGE))
def test_the_pages_links_lead_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()
