"""The command; see the package."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from overfeat.config import InferSettings, PreprocessSettings
from overfeat.errors import OverFeatError
from pipelines.engine.console import say
from pipelines.engine.settings import PARAMS_FILE, load_params, parse_section
from pipelines.reproduce_tables import tables
from pipelines.reproduce_tables.report import write_report


def main(arguments: Sequence[str]) -> int:
    """Measure the rows of the paper's tables on the data at hand, and write tables.md, tables.parquet and tables.png.

    It wants the networks trained (`dvc repro train_detector`). What the rows need beside them, the other nets of the
    ensemble and the other kind of box regressor, is trained once and kept in .work.
    """
    parser = argparse.ArgumentParser(prog="python -m pipelines.reproduce_tables", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/tables"), help="folder (default data/tables)")
    parser.add_argument("--members", type=int, default=3, help="nets of the ensemble (default 3; 1 for no ensemble)")
    chosen = parser.parse_args(arguments)
    try:
        params = load_params(Path(PARAMS_FILE))
        recipes = _recipes(params)
        measured = [tables.recognition(recipes, max(1, chosen.members)), tables.detection(recipes)]
        frame = pd.concat([table for table in measured if len(table)], ignore_index=True)
        write_report(chosen.out, frame, str(params["model"]), params["source"], recipes.infer)
    except OverFeatError as error:
        say(str(error))
        return 2
    say(f"the tables and the plot are in {chosen.out}")
    return 0


def _recipes(params: dict[str, object]) -> tables.Recipes:
    sections = ("train_classifier", "train_localizer", "infer", "preprocess")
    classifier, localizer, infer, preprocess = (parse_section(name, params[name]) for name in sections)
    assert isinstance(infer, InferSettings)
    assert isinstance(preprocess, PreprocessSettings)
    side = infer.ten_view_side or preprocess.train_side
    return tables.Recipes(classifier, localizer, infer, side)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
