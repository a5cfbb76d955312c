"""What a run ended with: where the results are, the measures, and a line of pandas that reads them."""

import json
from pathlib import Path

import yaml

from overfeat.errors import ResultsError
from pipelines import paths


def summary(root: Path) -> str:
    """Return the lines that end a run.

    Raises:
        ResultsError: if the last stage has not been run.
    """
    if not (root / paths.METRICS).is_file():
        raise ResultsError(f"there is no {paths.METRICS} here: run `make run` or `dvc repro` first")
    params = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    metrics = json.loads((root / paths.METRICS).read_text(encoding="utf-8"))["classification"]
    lines = [f"results    {paths.RESULTS / 'classifications'}  (evidence: {paths.WINDOWS})"]
    lines.append(f"network    {params['model']} on {params['source']}")
    lines += [_errors(split, values) for split, values in metrics.items()]
    lines.append("in pandas  import overfeat; overfeat.read_classifications().query('rank == 1').head()")
    return "\n".join(lines)


def _errors(split: str, values: dict[str, float]) -> str:
    shown = [f"{name} {_interval(values, key)}" for name, key in (("top-1 error", "top1"), ("top-5 error", "top5"))]
    return f"{split:<10} {', '.join(shown)}, {values['pictures']:,} pictures"


def _interval(values: dict[str, float], key: str) -> str:
    error = f"{values[f'{key}_error_percent']:.2f} %"
    if f"{key}_error_low_percent" not in values:
        return error
    low, high = values[f"{key}_error_low_percent"], values[f"{key}_error_high_percent"]
    return f"{error} (95 % between {low:.2f} and {high:.2f})"
