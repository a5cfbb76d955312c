"""What DVC and Prefect cost: nothing to do, the same run with and without the flow, and shards of new pictures.

Copies of this checkout (its last commit) are run in a temporary folder from nothing, on the whole sample with one epoch
of each training: what is added does not depend on how long a unit takes. A round takes eight minutes on two cores.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from flows.local_server import server_at

PORT = 4279
SHARDS = 24
_SHORT = [f"train_{name}.epochs=1" for name in ("classifier", "localizer", "detector")]
_PYTHON = [sys.executable, "-m"]
_MAKING = {"dvc": [*_PYTHON, "dvc", "repro", "-q"], "flow": [*_PYTHON, "flows.reproduce"]}
_DIRECT = """
import sys
from pathlib import Path
from pipelines.batches import batch as batches
from pipelines.batches.recipe import make_recipe
from pipelines.engine.runner import work_all
from pipelines.engine.settings import load_params
if __name__ == "__main__":
    root = Path.cwd()
    recipe = make_recipe(root, load_params(root / "params.yaml"), sys.argv[2:], root / "data/checkpoints", None)
    batch, _ = batches.open_batch(root, sys.argv[1], recipe, "direct", True)
    batches.begin(batch)
    work_all(root, batch.plan, list(batch.plan.units))
    print(batches.finish(batch)["worked"])
"""
"""The calls that the flow makes, without the flow."""


def run(arguments: Namespace) -> dict[str, Any]:
    """Time a whole run by DVC and by the flow, both with nothing to do, and batches with and without the flow."""
    here = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole: dict[str, list[float]] = {side: [] for side in _MAKING}
        nothing: dict[str, list[float]] = {side: [] for side in _MAKING}
        with _server(folder) as env:
            for number in range(arguments.rounds):
                for side in sorted(_MAKING, reverse=number % 2 == 1):  # the one that is first finds colder caches
                    root = _clone(here, folder / f"{side}-{number}")
                    _time(root, env, *_PYTHON, "pipelines", "configure", *_SHORT)
                    whole[side].append(_time(root, env, *_MAKING[side]))
                    nothing[side].append(_time(root, env, *_MAKING[side]))
            batches = _batches(folder / "dvc-0", env, arguments.rounds)
    adds = [flow - dvc for dvc, flow in zip(whole["dvc"], whole["flow"], strict=True)]
    return {
        **{f"whole_run_{side}_seconds": [round(each, 1) for each in whole[side]] for side in _MAKING},
        "flow_adds_seconds": round(statistics.median(adds), 1),
        **{f"nothing_to_do_{side}_seconds": round(statistics.median(nothing[side]), 2) for side in _MAKING},
        **batches,
    }


def _batches(root: Path, env: dict[str, str], rounds: int) -> dict[str, Any]:
    """Time ``SHARDS`` shards of one picture, and one shard, with the flow and without it."""
    (root / "direct.py").write_text(_DIRECT)
    shard = sorted((root / "data/images_det").glob("val-*.parquet"))[0]
    pictures = pq.read_table(shard, columns=["jpeg"])["jpeg"].to_pylist()
    seconds: dict[tuple[str, int], list[float]] = {}
    for number in range(rounds):
        for count in (1, SHARDS):
            for side in ("flow", "direct"):
                inbox = root / f"inbox-{number}-{count}-{side}"
                inbox.mkdir()
                for index in range(count):  # a byte behind the end makes it another picture
                    (inbox / f"{index}.jpg").write_bytes(pictures[index] + f"{side}{number}{count}".encode())
                words = [inbox.name, "--set", "infer.unit_images=1"] if side == "flow" else [inbox.name]
                program = [*_PYTHON, "flows.detect_batch"] if side == "flow" else [sys.executable, "direct.py"]
                extra = [] if side == "flow" else ["infer.unit_images=1"]
                seconds.setdefault((side, count), []).append(_time(root, env, *program, *words, *extra))
    medians = {key: statistics.median(values) for key, values in seconds.items()}
    more = {side: (medians[side, SHARDS] - medians[side, 1]) / (SHARDS - 1) for side in ("flow", "direct")}
    return {
        "shards": SHARDS,
        "shard_by_flow_seconds": round(more["flow"], 3),
        "shard_direct_seconds": round(more["direct"], 3),
        "flow_adds_seconds_a_shard": round(more["flow"] - more["direct"], 3),
        "one_shard_by_flow_seconds": round(medians["flow", 1], 2),
        "one_shard_direct_seconds": round(medians["direct", 1], 2),
    }


def _clone(here: Path, folder: Path) -> Path:
    subprocess.run(["git", "clone", "-q", str(here), str(folder)], check=True)
    return folder


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of commands that a Prefect server of their own sees."""
    url = f"http://127.0.0.1:{PORT}/api"
    own = {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_API_URL": url, "DVC_NO_ANALYTICS": "1"}
    os.environ |= own
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with server_at(url, folder / "server.log"):
        yield {**os.environ, "PATH": path}


def _time(root: Path, env: dict[str, str], *words: str) -> float:
    started = time.perf_counter()
    done = subprocess.run(words, cwd=root, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - started
