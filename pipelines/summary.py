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
    metrics = json.loads((root / paths.METRICS).read_text(encoding="utf-8"))
    lines = [f"results    {paths.RESULTS}  (evidence: {paths.WINDOWS})"]
    lines.append(f"network    {params['model']} on {_data(params['source'])}")
    for split, values in metrics["classification"].items():
        lines.append(_errors(split, values, {"top1_error": "top-1 error", "top5_error": "top-5 error"}))
    for split, values in metrics["localization"].items():
        names = {"error": "localization error", "given_class_error": "with the class given"}
        lines.append(_errors(split, values, names))
        baselines = {"whole_picture": "the whole picture", "mean_box": "the mean training box"}
        shown = [f"{values[f'given_class_{key}_error_percent']:.2f} % {name}" for key, name in baselines.items()]
        lines.append(f"{'':<10} (baselines with the class given: {', '.join(shown)})")
    for split, values in metrics["detection"].items():
        mean = f"mean average precision {_interval(values, 'map50')} at IoU 0.5"
        lines.append(f"{split:<10} {mean}, {values['objects']:,} objects in {values['pictures']:,} pictures")
    if metrics["detection"]:
        lines.append("in pandas  import overfeat; overfeat.read_detections().query('confidence >= 0.5').head()")
    else:
        table = "localizations" if metrics["localization"] else "classifications"
        lines.append(f"in pandas  import overfeat; overfeat.read_{table}().query('rank == 1').head()")
    if (root / paths.REPORT / "index.html").is_file():
        lines.append(f"to look at {paths.REPORT / 'index.html'}")
    return "\n".join(lines)


def _data(source: dict[str, str]) -> str:
    return " and ".join(dict.fromkeys([source["recognition"], source["detection"]]))


def _errors(split: str, values: dict[str, float], names: dict[str, str]) -> str:
    shown = ", ".join(f"{name} {_interval(values, key)}" for key, name in names.items())
    return f"{split:<10} {shown}, {values['pictures']:,} pictures"


def _interval(values: dict[str, float], key: str) -> str:
    error = f"{values[f'{key}_percent']:.2f} %"
    if f"{key}_low_percent" not in values:
        return error
    low, high = values[f"{key}_low_percent"], values[f"{key}_high_percent"]
    return f"{error} (95 % between {low:.2f} and {high:.2f})"
