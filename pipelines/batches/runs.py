"""The folder of runs: ``OUT/RUN/{pictures,classifications,...,windows}/*.parquet`` and ``OUT/RUN/run.json``.

A run is finished when its ``run.json`` is there, which is written last. Runs are added and never changed.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from overfeat.atomic import making, write_text
from overfeat.places import Place
from overfeat.results.runs import RUN_FILE, finished_runs
from overfeat.results.schemas import DECISIONS, PICTURES
from overfeat.results.store import read_table

PUBLISHED = ("pictures", *DECISIONS, "windows")
"""Folders of a run, a table each."""


def read_known(out: Place) -> pd.DataFrame:
    """Return the pictures of all finished runs, as ``PICTURES`` with the ``recipe`` of their run."""
    frames = [PICTURES.empty_table().to_pandas().assign(recipe=pd.Series(dtype=str))]
    for folder in finished_runs(out):
        facts = json.loads((folder / RUN_FILE).read_bytes())
        frame = read_table(folder / "pictures" / "pictures.parquet", PICTURES).to_pandas()
        frames.append(frame.assign(recipe=facts["recipe"]))
    known: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return known


def publish(out: Place, parts: list[Path], pictures: Path, facts: Mapping[str, Any]) -> None:
    """Add a run, whole or not at all; nothing happens if it is there.

    Args:
        out: the folder of runs.
        parts: folders of worked units, with folders of tables in them.
        pictures: the file of its pictures.
        facts: what ``run.json`` says; ``run`` is the run's name.
    """
    run = str(facts["run"])
    if (out / run / RUN_FILE).exists():
        return
    files = {f"{kind}/{file.name}": file for part in parts for kind in PUBLISHED for file in (part / kind).glob("*")}
    files["pictures/pictures.parquet"] = pictures
    text = json.dumps(facts, indent=1, sort_keys=True) + "\n"
    if out.is_local:
        with making(out.path / run) as aside:
            for name, file in files.items():
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, aside / name)
            write_text(aside / RUN_FILE, text)
    else:
        for name, file in files.items():
            (out / run / name).write_bytes(file.read_bytes())
        (out / run / RUN_FILE).write_bytes(text.encode())
