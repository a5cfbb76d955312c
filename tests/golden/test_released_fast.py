"""The fast net with weights from a file gives what the authors' own program gave with the same file.

Weights and pictures are made by a formula, so that the outputs can be kept without them.
"""

import hashlib
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from overfeat.models.checkpoints import load_network, weights_hash
from overfeat.models.network import normalize
from overfeat.models.released import load_released
from overfeat.models.tables import FAST

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SHA256 = "1a5ffbfc9e7bbed4abaa9731ed68f7ad85f5341478861ff50594b3278329c53b"
GOLDEN = Path(__file__).with_name("released_fast.npz")
CLASSES = 1000
_CHUNK = 1 << 22


def u01(count: int, salt: int, start: int = 0) -> np.ndarray:
    """Return numbers ``start`` to ``start + count`` of stream ``salt``, float64 in [0, 1)."""
    golden, first, second = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
    z = np.arange(start, start + count, dtype=np.uint64) + np.uint64(salt) * golden
    z = (z ^ (z >> np.uint64(30))) * first
    z = (z ^ (z >> np.uint64(27))) * second
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)) / 2**24


def _pieces(count: int, salt: int, factor: float) -> Iterator[bytes]:
    for start in range(0, count, _CHUNK):
        values = (u01(min(_CHUNK, count - start), salt, start) - 0.5) * factor
        yield values.astype("<f4").tobytes()


def write_weights(path: Path) -> None:
    """Write a weight file of the fast net, 584 MB."""
    inputs = 3
    with path.open("wb") as file, np.errstate(over="ignore"):
        for number, stage in enumerate(FAST.stages):
            outputs, fan = stage.channels or CLASSES, inputs * stage.kernel**2
            for piece in _pieces(outputs * fan, 100 + 2 * number, 2 * math.sqrt(6 / fan)):
                file.write(piece)
            for piece in _pieces(outputs, 101 + 2 * number, 0.1):
                file.write(piece)
            inputs = outputs


def picture(height: int, width: int, number: int) -> np.ndarray:
    """Return an RGB picture, uint8 ``(height, width, 3)``."""
    with np.errstate(over="ignore"):
        values = np.floor(u01(height * width * 3, 7 + number) * 256)
    return values.astype(np.uint8).reshape(height, width, 3)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("released") / "net_weight_0"
    write_weights(path)
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256
    yield path
    path.unlink()  # pytest keeps its folders of three runs


@torch.inference_mode()
def test_outputs_of_the_authors_program(weights: Path) -> None:
    net = load_released(weights)
    assert net.class_names is not None
    assert (net.table.name, net.class_names[0], net.class_names[999]) == (
        "fast",
        "kit fox, Vulpes macrotis",
        "dumbbell",
    )
    with np.load(GOLDEN) as golden:
        for number, (height, width) in enumerate([(231, 231), (263, 327)]):
            pixels = torch.from_numpy(picture(height, width, number)).permute(2, 0, 1)[None]
            last = len(net.classifier) - 3  # the rectifier after the last hidden layer
            hidden = net.classifier[:last](net.pool(net.features(normalize(pixels))))
            kept = hidden.clone()  # the rectifier works in place
            for name, got in (("features", kept), ("logits", net.classifier[last:](hidden))):
                key = f"{name}_{height}x{width}"
                expected, said = golden[key], got[0].numpy()[golden[f"channels_{key}"]]
                assert said.shape == expected.shape
                assert np.abs(said - expected).max() / np.abs(expected).max() < 1e-4, key
                assert np.linalg.norm(said - expected) / np.linalg.norm(expected) < 1e-4, key


def test_memory_stays_under_one_and_a_half_times_the_file(weights: Path, tmp_path: Path) -> None:
    code = """
import resource, sys
import overfeat.models.checkpoints, overfeat.models.released
from overfeat.cli import main
def peak(): return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
code = main(["import-weights", sys.argv[1], "--out", sys.argv[2]])
print(peak() - before)
sys.exit(code)
"""
    words = [sys.executable, "-c", code, str(weights), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1.5 * weights.stat().st_size
    (path,) = tmp_path.iterdir()
    assert f"train_classifier.weights={path}" in done.stderr
    net, expected = load_network(path), load_released(weights)
    assert path.name == f"fast-{weights_hash(expected)[:12]}.pt"
    assert weights_hash(net) == weights_hash(expected)
    path.unlink()
