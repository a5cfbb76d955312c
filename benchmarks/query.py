"""One class of 200 out of ten million stored detections, beside the same rows out of a COCO result file.

Each side is a process of its own, as it is for who asks one question; seconds are of the call alone, without imports,
and memory is the most that the process held. Needs 10 GB of memory (the COCO side) and 3 GB of disk, some minutes.
"""

import json
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from overfeat.results.partition import FILE_ROWS, write_file
from overfeat.results.schemas import DETECTIONS

ROWS, CLASSES, A_PICTURE = 10_000_000, 200, 500
LABEL, MIN_SCORE = 77, 1.0
_MOST = 'int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024'
"""The most memory that a process held; ``ru_maxrss`` counts that of who started it, too."""
_OURS = """
import json, re, sys, time
import overfeat
from overfeat.results.queries import read_detections
started = time.perf_counter()
frame = read_detections(sys.argv[1], labels=[sys.argv[2]], min_score=float(sys.argv[3]))
seconds = time.perf_counter() - started
assert set(frame["label"]) == {sys.argv[2]}
print(json.dumps([len(frame), seconds, _MOST]))
"""
_COCO = """
import json, re, sys, time
import pandas as pd
started = time.perf_counter()
with open(sys.argv[1]) as file:
    rows = json.load(file)
wanted = [row for row in rows if row["category_id"] == int(sys.argv[2]) and row["score"] >= float(sys.argv[3])]
frame = pd.DataFrame(wanted)
seconds = time.perf_counter() - started
print(json.dumps([len(frame), seconds, _MOST]))
"""


def run(arguments: Namespace) -> dict[str, Any]:
    """Write both files, and ask each of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder)
        label = _label(LABEL)
        ours = [_ask(_OURS, str(folder / "results"), label) for _ in range(arguments.rounds)]
        coco = [_ask(_COCO, str(folder / "coco.json"), str(LABEL)) for _ in range(min(2, arguments.rounds))]
        assert {rows for rows, *_ in ours} == {rows for rows, *_ in coco}
        files = list((folder / "results").rglob("*.parquet"))
        size, of_json = sum(file.stat().st_size for file in files), (folder / "coco.json").stat().st_size
    seconds, of_coco = median(each[1] for each in ours), median(each[1] for each in coco)
    return {
        "rows": ROWS,
        "classes": CLASSES,
        "rows_of_the_answer": ours[0][0],
        "read_detections_seconds": round(seconds, 3),
        "read_detections_most_mib": round(max(each[2] for each in ours)),
        "coco_json_seconds": round(of_coco, 1),
        "coco_json_most_mib": round(max(each[2] for each in coco)),
        "times_faster_than_coco_json": round(of_coco / seconds, 1),
        "parquet_mib": round(size / 2**20),
        "coco_json_mib": round(of_json / 2**20),
    }


def _ask(code: str, where: str, label: str) -> list[float]:
    command = [sys.executable, "-c", code.replace("_MOST", _MOST), where, label, str(MIN_SCORE)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[float] = json.loads(answer.stdout)
    return found


def _write(folder: Path) -> None:
    """Write the same random detections as a run's files, as the stage makes them, and as a COCO result file."""
    names = [_label(number) for number in range(CLASSES)]
    facts = {"run": "bench", "class_names": names, "model": "net"}
    with (folder / "coco.json").open("w") as file:
        file.write("[")
        for number, start in enumerate(range(0, ROWS, FILE_ROWS)):
            table = _rows(start, min(ROWS, start + FILE_ROWS), names, np.random.default_rng(number))
            write_file(folder / f"results/detections/bench/val-{number:05d}.parquet", "detections", table, facts)
            columns = [
                table["label"].combine_chunks().indices,
                *(table[name] for name in ("score", "x1", "y1", "x2", "y2")),
            ]
            values = np.stack([column.to_numpy().astype(np.float64) for column in columns], axis=1).round(3)
            picture = np.arange(start, start + len(values)) // A_PICTURE
            for image_id, (label, score, x1, y1, x2, y2) in zip(picture.tolist(), values.tolist(), strict=True):
                comma = "" if file.tell() == 1 else ","
                box = f"[{x1},{y1},{round(x2 - x1, 3)},{round(y2 - y1, 3)}]"
                file.write(f'{comma}{{"image_id":{image_id},"category_id":{int(label)},"bbox":{box},"score":{score}}}')
        file.write("]")


def _rows(start: int, stop: int, names: list[str], random: np.random.Generator) -> pa.Table:
    count = stop - start
    pictures = np.arange(start, stop) // A_PICTURE
    first = int(pictures[0])
    ids = [f"ILSVRC2012_val_{number:08d}" for number in range(first, int(pictures[-1]) + 1)]
    corners, sides = random.uniform(0, 300, (count, 2)), random.uniform(20, 200, (count, 2))
    boxes = np.concatenate([corners, corners + sides], axis=1).astype(np.float32)
    lengths = random.integers(1, 12, count)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    members = pa.ListArray.from_arrays(pa.array(offsets), pa.array(random.integers(0, 1575, offsets[-1]), pa.int32()))
    scales = pa.ListArray.from_arrays(
        pa.array(np.arange(0, 2 * count + 1, 2), pa.int32()), pa.array([1, 2] * count, pa.int8())
    )
    score = np.round(random.exponential(1, count), 3).astype(np.float32)
    columns = {
        "run": _one("bench", count),
        "image_id": pa.DictionaryArray.from_arrays(pa.array(pictures - first, pa.int32()), ids),
        "label": pa.DictionaryArray.from_arrays(pa.array(random.integers(0, CLASSES, count), pa.int32()), names),
        "score": score,
        "confidence": (score / (1 + score)).astype(np.float32),
        **{side: boxes[:, number] for number, side in enumerate(("x1", "y1", "x2", "y2"))},
        "members": members,
        "scales": scales,
        "model": _one("net", count),
        "split": _one("val", count),
    }
    return pa.table(columns).select(DETECTIONS.names).cast(DETECTIONS)


def _one(value: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), [value])


def _label(number: int) -> str:
    return f"n{number:08d}"
