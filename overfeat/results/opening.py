"""Which runs a folder holds, and which of them is opened."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from overfeat.errors import ResultsError, did_you_mean
from overfeat.places import AnyPlace, Place
from overfeat.results.queries import DEFAULT_BATCHES, DEFAULT_RESULTS
from overfeat.results.run import Run
from overfeat.results.run_files import facts_of_batch, files_by_run
from overfeat.results.runs import RUN_FILE, finished_runs
from overfeat.results.schemas import TASKS

_NAMED = 10


def open_run(root: AnyPlace = DEFAULT_RESULTS, run: str | None = None, windows: "AnyPlace | None" = None) -> Run:
    """Open a run of results, whose tables then need no root and no run, and whose boxes can be explained.

    Args:
        root: the pipeline's results, a folder of runs of batches, or the folder of one run, local or ``s3://``.
        run: its name. None for the only one; in a folder of batches for the one that was finished last.
        windows: where its evidence is. None for the run's own folder or, for results of the pipeline, for the folder
            ``windows`` beside ``root``.

    Raises:
        ResultsError: if there are no results, no such run, or several and none is named.
        PlaceError: if the folder may not be read, or the bucket is not there.
        UnreachableError: if the bucket cannot be reached.
    """
    place = Place.of(root)
    found = _some_runs_in(place)
    if run is not None:
        chosen = next((each for each in found if each.name == run), None)
        if chosen is None:
            hint = did_you_mean(run, [each.name for each in found])
            raise ResultsError(f"there is no run {run!r} in {place}{hint}; {_there(found)}")
    elif len(found) == 1 or all(each.is_batch for each in found):
        chosen = found[0] if len(found) == 1 else max(found, key=_age)
    else:
        raise ResultsError(f"there are several runs in {place}, so name one with run=; {_there(found)}")
    return chosen if windows is None else replace(chosen, evidence=Place.of(windows))


def find_run(name: AnyPlace, roots: Sequence[AnyPlace] = (DEFAULT_RESULTS, DEFAULT_BATCHES)) -> Run:
    """Open the run with this name below one of the roots or, where none has it, the run in the folder of this name.

    Raises:
        ResultsError: if there is neither.
    """
    known = [run for root in roots for run in _runs_in(Place.of(root))]
    for run in known:
        if run.name == str(name):
            return run
    if Place.of(name).exists():
        return open_run(name)
    places, hint = " or ".join(str(root) for root in roots), did_you_mean(str(name), [run.name for run in known])
    raise ResultsError(f"there is no run {str(name)!r} in {places}{hint}, and no such folder; {_there(known)}")


def list_runs(root: AnyPlace = DEFAULT_RESULTS) -> pd.DataFrame:
    """Return the runs in a folder, those of the pipeline first, then batches from the one finished last on.

    Args:
        root: as for :func:`open_run`.

    Returns:
        Frame with run, model, pictures (that were looked at), classifications, localizations, detections (rows),
        finished (UTC; NaT for results of the pipeline) and git_commit.

    Raises:
        ResultsError: if there are no results; likewise what :func:`open_run` raises.
    """
    runs = _some_runs_in(Place.of(root))
    rows = [
        {
            "run": run.name,
            "model": run.model,
            "pictures": run.processed(columns=["image_id"])["image_id"].nunique() if run.has("processed") else 0,
            **{kind: run.count(kind) for kind in TASKS},
            "finished": run.finished,
            "git_commit": run.facts["git_commit"],
        }
        for run in sorted(runs, key=lambda run: (not run.is_batch, _age(run)), reverse=True)
    ]
    frame = pd.DataFrame(rows, columns=["run", "model", "pictures", *TASKS, "finished", "git_commit"])
    return frame.assign(finished=pd.to_datetime(frame["finished"], utc=True))


def _some_runs_in(root: Place) -> list[Run]:
    """Return the runs in a folder. Raises ResultsError if there is none."""
    found = _runs_in(root)
    if not found:
        raise ResultsError(f"there are no results in {root.shown}: run `make run`, or give another root")
    return found


def _runs_in(root: Place) -> list[Run]:
    """Return the runs in a folder, those of the pipeline first."""
    if (root / RUN_FILE).exists():
        return [Run(facts_of_batch(root).get("run", root.name), root, root, is_batch=True)]
    evidence = root if (root / "windows").exists() else _beside(root, "windows")
    batches = [Run(folder.name, folder, folder, is_batch=True) for folder in finished_runs(root)]
    own = sorted(files_by_run(root).items())
    return [Run(name, root, evidence, is_batch=False, listed=files) for name, files in own] + batches


def _age(run: Run) -> tuple[str, str]:
    return run.finished or "", run.name


def _beside(folder: Place, name: str) -> Place:
    if not folder.is_local:
        return Place.of(f"{folder.text.rpartition('/')[0]}/{name}")
    path = folder.path if folder.path.name not in ("", "..") else folder.path.resolve()
    return Place.of(path.with_name(name))


def _there(runs: Sequence[Run]) -> str:
    """Name the runs that are there, the first of many."""
    names = [run.name for run in runs]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"there {'is' if len(names) < 2 else 'are'} {', '.join(names[:_NAMED]) or 'none'}{more}"
