"""Results as pandas frames: the filters go down to Parquet, so that little more than the answer is read."""

from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from overfeat.places import AnyPlace, Place
from overfeat.results.reading import Query, read
from overfeat.results.schemas import CLASSIFICATIONS, DETECTIONS, LOCALIZATIONS, PICTURES, PROCESSED, WINDOWS

DEFAULT_RESULTS = Place.of("data/results")
DEFAULT_BATCHES = Place.of("data/batches")
DEFAULT_WINDOWS = Place.of("data/windows")


def read_classifications(
    root: AnyPlace = DEFAULT_RESULTS,
    labels: str | Iterable[str] | None = None,
    min_score: float | None = None,
    image_ids: str | Iterable[str] | None = None,
    run: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the class decisions, one row a picture and guess, sorted by run, image_id and rank.

    Args:
        root: folder of results, local or ``s3://bucket/folder``. Results of batches may lie in it too, in a folder a
            run; those of a run that is not finished do not count.
        labels: only these classes (one, or several).
        min_score: only guesses with at least this score: a mean probability in [0, 1], unless made from logits.
        image_ids: only these pictures.
        run: only this run; None for all.
        columns: only these columns, in this order.

    Returns:
        Frame with run, image_id, label, score, rank (1 = best), model, split; strings are categorical,
        with the values that occur as sorted categories.

    Raises:
        ResultsError: where there are no results, or a column, label or run is not among them.
        PlaceError: if the folder may not be read, or the bucket is not there.
        UnreachableError: if the bucket cannot be reached.
    """
    return read(Place.of(root), Query("classifications", CLASSIFICATIONS, labels, min_score, image_ids, run, columns))


def read_localizations(
    root: AnyPlace = DEFAULT_RESULTS,
    labels: str | Iterable[str] | None = None,
    min_score: float | None = None,
    image_ids: str | Iterable[str] | None = None,
    run: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the guesses of classes with their boxes, sorted by run, image_id and rank.

    The arguments are those of :func:`read_classifications`; ``min_score`` is of the summed score.

    Returns:
        Frame with run, image_id, label, score (summed over members), confidence (chance that class and box are
        right, 0 to 1), x1, y1, x2, y2, rank, members (``window`` of the evidence that was merged), scales, model,
        split.

    Raises:
        ResultsError: where there are no results, or a column, label or run is not among them.
    """
    return read(Place.of(root), Query("localizations", LOCALIZATIONS, labels, min_score, image_ids, run, columns))


def read_detections(
    root: AnyPlace = DEFAULT_RESULTS,
    labels: str | Iterable[str] | None = None,
    min_score: float | None = None,
    image_ids: str | Iterable[str] | None = None,
    run: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the objects that were found, sorted by run, image_id and falling score.

    The arguments are those of :func:`read_classifications`; ``min_score`` is of the summed score. A picture without a
    row may have been looked at in vain, or not at all: :func:`read_processed` tells.

    Returns:
        Frame with run, image_id, label, score (summed over members), confidence (chance that class and box are
        right, 0 to 1), x1, y1, x2, y2, members (``window`` of the evidence that was merged), scales, model, split.

    Raises:
        ResultsError: where there are no results, or a column, label or run is not among them.
    """
    return read(Place.of(root), Query("detections", DETECTIONS, labels, min_score, image_ids, run, columns))


def read_processed(
    root: AnyPlace = DEFAULT_RESULTS,
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
    return read(Place.of(root), Query("processed", PROCESSED, None, None, image_ids, run, columns))


READ_DECISIONS: dict[str, Callable[..., pd.DataFrame]] = {
    "classifications": read_classifications,
    "localizations": read_localizations,
    "detections": read_detections,
    "processed": read_processed,
}
"""What reads each of the tables of decisions."""


def read_pictures(
    root: AnyPlace = DEFAULT_BATCHES,
    image_ids: str | Iterable[str] | None = None,
    run: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the pictures of batches: which path an image_id is of, and why a picture could not be looked at.

    Args:
        root: folder of runs, local or ``s3://bucket/folder``.
        image_ids: only these pictures.
        run: only this run; None for all.
        columns: only these columns, in this order.

    Returns:
        Frame with run, image_id (hash of the bytes: several paths may have one), path, bytes, modified_ns, width,
        height (upright), reason (None where it was looked at); sorted by path within a run.

    Raises:
        ResultsError: where there are no runs, or a column or run is not among them.
    """
    return read(Place.of(root), Query("pictures", PICTURES, None, None, image_ids, run, columns))


def read_windows(
    root: AnyPlace = DEFAULT_WINDOWS,
    labels: str | Iterable[str] | None = None,
    min_score: float | None = None,
    image_ids: str | Iterable[str] | None = None,
    run: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the evidence, one row a window; see :func:`read_classifications` for the arguments.

    In a folder of runs of batches it is that of every finished run.

    ``label`` and ``score`` are the window's most probable class and its probability; ``x1 .. y2`` its field of
    view in pixels of the original picture.
    """
    return read(Place.of(root), Query(None, WINDOWS, labels, min_score, image_ids, run, columns))
