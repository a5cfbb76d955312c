"""``python -m pipelines.merge --sweep``: the localization error for each threshold and number of classes a scale."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from overfeat.config import MergeSettings
from overfeat.errors import OverFeatError
from pipelines import paths
from pipelines.engine.console import say
from pipelines.engine.settings import PARAMS_FILE, load_params, parse_section
from pipelines.trials import THRESHOLDS, Trials

_COLUMNS = {"error": 7, "class_wrong": 13, "box_wrong": 11, "given_class_error": 13}


def main(arguments: Sequence[str]) -> int:
    """Print a line for each pair of settings, the rest being as params.yaml has it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.merge", description=main.__doc__)
    parser.add_argument("--sweep", action="store_true", required=True)
    parser.add_argument("--threshold", type=_numbers, metavar="T,T,...", help="default: some for the match_score")
    parser.add_argument(
        "--classes", type=_whole_numbers, default=[1, 3, 5], metavar="K,K,...", help="classes_per_scale"
    )
    parser.add_argument("--split", default="val", help="of the evidence: one of infer.splits (default val)")
    chosen = parser.parse_args(arguments)
    try:
        settings: MergeSettings = parse_section("merge", load_params(Path(PARAMS_FILE))["merge"])
        trials = Trials.of_files(sorted(paths.WINDOWS.glob(f"{chosen.split}-*.parquet")))
        pairs = [(threshold, k) for k in chosen.classes for threshold in chosen.threshold or THRESHOLDS[settings.match]]
        print("classes  threshold  error %  class wrong %  box wrong %  given class %")  # noqa: T201
        for threshold, k in tqdm(pairs, disable=not sys.stderr.isatty(), leave=False):
            errors = trials.errors(replace(settings, threshold=threshold, classes_per_scale=k))
            shown = [f"{errors[f'{name}_percent']:{width}.2f}" for name, width in _COLUMNS.items()]
            tqdm.write("  ".join([f"{k:7}", f"{threshold:9.3g}", *shown]))
    except OverFeatError as error:
        say(str(error))
        return 2
    return 0


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def _whole_numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
