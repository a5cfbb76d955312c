"""A run of results opened once: what it was made with, its tables, and which windows a box was merged from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from overfeat.errors import ResultsError
from overfeat.places import Place
from overfeat.results import queries
from overfeat.results.explain import Evidence, Row, scores_of
from overfeat.results.run_files import KINDS, Files, facts_of_batch, files_of_batch
from overfeat.results.runs import footers_of, heads_of
from overfeat.results.schemas import TASKS

_MERGED = ("localizations", "detections")
_SHARED = ("git_commit", "dvc_lock", "evidence_run", "match", "settings", "schema_version", "key")


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """The results of one run; made by :func:`open_run`.

    Attributes:
        name: as the column ``run`` has it.
        folder: where its tables are, in a folder each.
        evidence: where the windows are that it was decided from: a folder of files, or of a run of a batch.
        is_batch: whether it is a run of a batch, and not the pipeline's results.
        listed: its files, where finding the run has listed them already.
    """

    name: str
    folder: Place
    evidence: Place
    is_batch: bool
    listed: Files | None = None

    @cached_property
    def finished(self) -> str | None:
        """When it was finished, in ISO 8601 as ``run.json`` has it; None for results of the pipeline."""
        return facts_of_batch(self.folder).get("finished") if self.is_batch else None

    @cached_property
    def _files(self) -> Files:
        """The files of each of its tables."""
        return files_of_batch(self.folder) if self.listed is None else self.listed

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the footers say.

        git_commit (several, with commas, where a killed call went on with other code), dvc_lock, evidence_run, match,
        settings, schema_version and key; model and class_names by task ("recognition", "detection"), and thresholds
        by table ("localizations", "detections").
        """
        footers = {kind: footers_of(files) for kind, files in self._files.items() if files}  # decisions first
        commits = {
            str(each["git_commit"]) for of_kind in footers.values() for each in of_kind if each.get("git_commit")
        }
        first = {kind: of_kind[0] for kind, of_kind in footers.items()}
        tasks = {task: first[kind] for kind, task in TASKS.items() if kind in first}
        return {
            **{name: next(iter(first.values())).get(name) for name in _SHARED},
            "git_commit": ", ".join(sorted(commits)) or None,
            "model": {task: facts["model"] for task, facts in tasks.items() if facts.get("model")},
            "class_names": {task: facts["class_names"] for task, facts in tasks.items()},
            "thresholds": {kind: first[kind].get("threshold") for kind in _MERGED if kind in first},
        }

    @property
    def model(self) -> str:
        """The names of its networks, with commas."""
        return ", ".join(dict.fromkeys(self.facts["model"].values()))

    def has(self, kind: str) -> bool:
        """Return whether it has a table "classifications", "localizations", "detections", "processed", "pictures"."""
        return bool(self._files.get(kind))

    def count(self, kind: str) -> int:
        """Return how many rows a table has; none of them is read."""
        return sum(metadata.num_rows for _, metadata in heads_of(self._files.get(kind, [])))

    def classifications(
        self,
        labels: str | Iterable[str] | None = None,
        min_score: float | None = None,
        image_ids: str | Iterable[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return what :func:`overfeat.read_classifications` does, of this run."""
        return queries.read_classifications(self.folder, labels, min_score, image_ids, self.name, columns)

    def localizations(
        self,
        labels: str | Iterable[str] | None = None,
        min_score: float | None = None,
        image_ids: str | Iterable[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return what :func:`overfeat.read_localizations` does, of this run."""
        return queries.read_localizations(self.folder, labels, min_score, image_ids, self.name, columns)

    def detections(
        self,
        labels: str | Iterable[str] | None = None,
        min_score: float | None = None,
        image_ids: str | Iterable[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return what :func:`overfeat.read_detections` does, of this run."""
        return queries.read_detections(self.folder, labels, min_score, image_ids, self.name, columns)

    def processed(
        self, image_ids: str | Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return what :func:`overfeat.read_processed` does, of this run."""
        return queries.read_processed(self.folder, image_ids, self.name, columns)

    def pictures(
        self, image_ids: str | Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return what :func:`overfeat.read_pictures` does, of this run.

        Raises:
            ResultsError: if it is no run of a batch: pictures of a data set are in its manifest.
        """
        if not self.has("pictures"):
            raise ResultsError(
                f"run {self.name!r} has no table of pictures, which only batches have: those of a data set are in "
                "data/manifest/images.parquet, by image_id"
            )
        return queries.read_pictures(self.folder, image_ids, self.name, columns)

    def windows(
        self,
        labels: str | Iterable[str] | None = None,
        min_score: float | None = None,
        image_ids: str | Iterable[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return what :func:`overfeat.read_windows` does, of the evidence that this run was decided from.

        Raises:
            ResultsError: if the evidence is not there, or was made anew since.
        """
        run = self._evidence.check(self.facts["evidence_run"])
        return queries.read_windows(self.evidence, labels, min_score, image_ids, run, columns)

    def explain(self, row: Row) -> pd.DataFrame:
        """Return the windows that were merged into a box of this run; see :func:`overfeat.explain`.

        Raises:
            ResultsError: likewise, and if the row is of another run.
        """
        if row.get("run", self.name) != self.name:
            raise ResultsError(f"this row is of run {row['run']!r}, and this is run {self.name!r}: open the row's run")
        return self._evidence.explain(row, self.facts["evidence_run"], scores_of(row, self.facts["settings"]))

    @cached_property
    def _evidence(self) -> Evidence:
        try:
            return Evidence.of(self.evidence)
        except ResultsError:
            if not self.is_batch or self.evidence != self.folder:
                raise
            raise ResultsError(
                f"run {self.name!r} kept no evidence: it was called with --no-evidence, or its folder windows was "
                f"removed from {self.folder}"
            ) from None

    def __repr__(self) -> str:
        """Say what it is, and how many rows its tables have."""
        rows = ", ".join(f"{self.count(kind):,} {kind}" for kind in KINDS if self.has(kind))
        return f"<Run {self.name} in {self.folder}: {self.model or 'no model'}; {rows}>"
