"""Stage ``report``: one page that opens from disk, with a gallery of pictures and the heat maps of their windows."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from overfeat.atomic import write_text
from overfeat.config import (
    CalibrateSettings,
    EvaluateSettings,
    InferSettings,
    ManifestSettings,
    MergeSettings,
    PreprocessSettings,
    ReportSettings,
    SampleSettings,
    SourceSettings,
    TrainClassifierSettings,
    TrainDetectorSettings,
    TrainLocalizerSettings,
)
from overfeat.models.checkpoint_folder import members
from overfeat.places import Place
from overfeat.report.contents import Contents, Gallery, Task
from overfeat.report.page import page
from overfeat.results.runs import footers_of, tables_of
from overfeat.results.schemas import DECISIONS
from pipelines import gallery, judged, paths
from pipelines.engine.console import say
from pipelines.engine.stage import Stage, Unit, gather
from pipelines.roles import DETECTION, RECOGNITION


@dataclass(frozen=True)
class Report(Stage):
    """A unit is a range of pictures of the gallery; the page shows all settings, so the stage depends on all."""

    source: SourceSettings
    model: str
    sample: SampleSettings
    manifest: ManifestSettings
    preprocess: PreprocessSettings
    train_classifier: TrainClassifierSettings
    train_localizer: TrainLocalizerSettings
    train_detector: TrainDetectorSettings
    calibrate: CalibrateSettings
    infer: InferSettings
    merge: MergeSettings
    evaluate: EvaluateSettings
    report: ReportSettings

    def plan(self) -> list[Unit]:
        """Return the ranges of the pictures that the gallery has."""
        return gallery.plan_gallery(self.report, self.evaluate.confidence)

    def work(self, unit: Unit, folder: Path) -> None:
        """Write a range's pictures, their evidence, and what the gallery says of them."""
        gallery.work_unit(unit, folder, self.report, self.merge)

    def finish(self, parts: list[Path], out: Path) -> None:
        """Write the page, and put the gallery's files beside it."""
        folder = out / paths.REPORT
        gather([part / gallery.FILES for part in parts], folder)
        text = page(self._contents(parts))
        write_text(folder / "index.html", text)
        files = [file for file in folder.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files) / 1e6
        say(f"{paths.REPORT / 'index.html'}: {len(files) - 1:,} files beside it, {size:.1f} MB")

    def _contents(self, parts: list[Path]) -> Contents:
        guesses = {split: judged.judge_guesses(ids) for split, ids in judged.looked_at(RECOGNITION).items()}
        objects = {split: judged.judge_objects(ids) for split, ids in judged.looked_at(DETECTION).items()}
        tasks = {
            role: Task(
                names=judged.class_names(role),
                pictures={split: len(ids) for split, ids in judged.looked_at(role).items()},
                records=gallery.read_records(parts, role),
            )
            for role in (RECOGNITION, DETECTION)
        }
        return Contents(
            facts=_facts(self.model),
            settings={field.name: _plain(getattr(self, field.name)) for field in fields(self)},
            metrics=json.loads(paths.METRICS.read_text(encoding="utf-8")),
            curves=_curves(),
            plots={name: _plot(name) for name in ("confusion", "average_precision", "precision_recall")},
            guesses=guesses,
            objects=objects,
            gallery=Gallery(tasks, self.evaluate.confidence, self.report, self.merge.offsets),
        )


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else asdict(value)


def _facts(model: str) -> dict[str, str | None]:
    """Return where the decisions come from, as the footers of their tables say."""
    footers = [footer for kind in DECISIONS for footer in footers_of(tables_of(Place.of(paths.RESULTS), kind))]
    trained = dict.fromkeys(str(footer["model"]) for footer in footers if footer["model"])
    found = footers[0] if footers else {}
    return {
        "network": model,
        "weights": ", ".join(trained) or None,
        "run": found.get("run"),
        "git commit": found.get("git_commit"),
        "dvc.lock": found.get("dvc_lock"),
    }


def _curves() -> dict[str, dict[str, pd.DataFrame]]:
    """Return the curves by what was trained and member; features trained jointly have those of the detector alone."""
    folders = {"classifier": paths.CLASSIFIER, "localizer": paths.LOCALIZER, "detector": paths.DETECTOR}
    return {
        what: {
            member.name: pd.read_csv(member / "curves.csv")
            for member in members(folder)
            if (member / "curves.csv").is_file()
        }
        for what, folder in folders.items()
    }


def _plot(name: str) -> pd.DataFrame:
    """Return a table behind the plots; empty where there is nothing in it."""
    try:
        frame: pd.DataFrame = pd.read_csv(
            paths.PLOTS / f"{name}.csv", dtype=_TEXTS, keep_default_na=False, na_values=[""]
        )
    except (FileNotFoundError, pd.errors.EmptyDataError):
        return pd.DataFrame(columns=["label", "split"])
    return frame


_TEXTS = {"label": str, "actual": str, "predicted": str, "split": str, "image_id": str}

STAGE = Report
