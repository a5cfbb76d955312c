"""Results as pandas frames: the filters go down to Parquet, so that little more than the answer is read."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from overfeat.errors import ResultsError, did_you_mean
from overfeat.results.schemas import CLASSIFICATIONS, DETECTIONS, LOCALIZATIONS, PROCESSED, WINDOWS
from overfeat.results.store import read_footer

DEFAULT_RESULTS = Path("data/results")
DEFAULT_WINDOWS = Path("data/windows")


def read_classifications(
    root: str | Path = DEFAULT_RESULTS,
    labels: str | Iterable[str] | None = None,
    min_score: float | None = None,
    image_ids: str | Iterable[str] | None = None,
    run: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the class decisions, one row a picture and guess, sorted by image_id and rank.

    Args:
        root: folder of results.
        labels: only these classes (one, or several).
        min_score: only guesses with at least this score: a mean probability in [0, 1], unless made from logits.
        image_ids: only these pictures.
        run: only this run; None for all.
        columns: only these columns, in this order.

    Returns:
        Frame with run, image_id, label, score, rank (1 = best), model, split; strings are categorical.

    Raises:
        ResultsError: where there are no results, or a column, label or run is not among them.
    """
    folder = Path(root) / "classifications"
    return _read(folder, CLASSIFICATIONS, labels, min_score, image_ids, run, columns)


def read_localizations(
    root: str | Path = DEFAULT_RESULTS,
    labels: str | Iterable[str] | None = None,
    min_score: float | None = None,
    image_ids: str | Iterable[str] | None = None,
    run: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the guesses of classes with their boxes, sorted by image_id and rank.

    The arguments are those of :func:`read_classifications`; ``min_score`` is of the summed score.

    Returns:
        Frame with run, image_id, label, score (summed over members), confidence (chance that class and box are
        right, 0 to 1), x1, y1, x2, y2, rank, members (``window`` of the evidence that was merged), scales, model,
        split.

    Raises:
        ResultsError: where there are no results, or a column, label or run is not among them.
    """
    folder = Path(root) / "localizations"
    return _read(folder, LOCALIZATIONS, labels, min_score, image_ids, run, columns)


def read_detections(
    root: str | Path = DEFAULT_RESULTS,
    labels: str | Iterable[str] | None = None,
    min_score: float | None = None,
    image_ids: str | Iterable[str] | None = None,
    run: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the objects that were found, sorted by image_id and falling score.

    The arguments are those of :func:`read_classifications`; ``min_score`` is of the summed score. A picture without a
    row may have been looked at in vain, or not at all: :func:`read_processed` tells.

    Returns:
        Frame with run, image_id, label, score (summed over members), confidence (chance that class and box are
        right, 0 to 1), x1, y1, x2, y2, members (``window`` of the evidence that was merged), scales, model, split.

    Raises:
        ResultsError: where there are no results, or a column, label or run is not among them.
    """
    folder = Path(root) / "detections"
    return _read(folder, DETECTIONS, labels, min_score, image_ids, run, columns)


def read_processed(
    root: str | Path = DEFAULT_RESULTS,
    image_ids: str | Iterable[str] | None = None,
    run: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return which pictures were looked at, and how many objects were found in each.

    Args:
        root: folder of results.
        image_ids: only these pictures.
        run: only this run; None for all.
        columns: only these columns, in this order.

    Returns:
        Frame with run, image_id, task ("recognition" or "detection"), windows (that voted), detections (0 where
        nothing was found; NaN for recognition), model, split.

    Raises:
        ResultsError: where there are no results, or a column or run is not among them.
    """
    return _read(Path(root) / "processed", PROCESSED, None, None, image_ids, run, columns)


def read_windows(
    root: str | Path = DEFAULT_WINDOWS,
    labels: str | Iterable[str] | None = None,
    min_score: float | None = None,
    image_ids: str | Iterable[str] | None = None,
    run: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the evidence, one row a window; see :func:`read_classifications` for the arguments.

    ``label`` and ``score`` are the window's most probable class and its probability; ``x1 .. y2`` its field of
    view in pixels of the original picture.
    """
    return _read(Path(root), WINDOWS, labels, min_score, image_ids, run, columns)


def _read(
    folder: Path,
    schema: pa.Schema,
    labels: str | Iterable[str] | None,
    min_score: float | None,
    image_ids: str | Iterable[str] | None,
    run: str | None,
    columns: Sequence[str] | None,
) -> pd.DataFrame:
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise ResultsError(f"there are no results in {folder.absolute()}: run `make run`, or give another root")
    for column in columns or ():
        if column not in schema.names:
            raise ResultsError(f"there is no column {column!r}{did_you_mean(column, schema.names)}")
    footers = [read_footer(file) for file in files]
    conditions = []
    if run is not None:
        _check_known("run", [run], {footer["run"] for footer in footers})
        conditions.append(pc.field("run") == run)
    if labels is not None:
        labels = _listed(labels)
        _check_known("label", labels, {label for footer in footers for label in footer["class_names"]})
        conditions.append(pc.field("label").isin(labels))
    if image_ids is not None:
        conditions.append(pc.field("image_id").isin(_listed(image_ids)))
    if min_score is not None:
        conditions.append(pc.field("score") >= min_score)
    where = None
    for condition in conditions:
        where = condition if where is None else where & condition
    table = ds.dataset(files, schema=schema).to_table(columns=list(columns) if columns else None, filter=where)
    frame: pd.DataFrame = table.unify_dictionaries().to_pandas()
    return frame


def _listed(values: str | Iterable[str]) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def _check_known(what: str, asked: Iterable[str], known: set[str]) -> None:
    for name in asked:
        if name not in known:
            raise ResultsError(f"there is no {what} {name!r} in these results{did_you_mean(name, known)}")
