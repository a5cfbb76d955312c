"""Results in the formats of others; none needs an annotation file of the data set.

A module here is a format. It has ``write(request, folder)``, which makes the folder's files and says what they are.
"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from overfeat.atomic import making
from overfeat.errors import PlaceError, SettingsError, did_you_mean
from overfeat.places import AnyPlace, Place
from overfeat.results.export import coco, csv, voc, yolo
from overfeat.results.export.request import Exported, Request
from overfeat.results.queries import DEFAULT_RESULTS
from overfeat.results.truth import Truth

FORMATS: dict[str, Callable[[Request, Path], Exported]] = {
    "coco": coco.write,
    "voc": voc.write,
    "yolo": yolo.write,
    "csv": csv.write,
}


def export(
    format: str,
    out: str | Path,
    *,
    root: AnyPlace = DEFAULT_RESULTS,
    kind: str = "detections",
    run: str | None = None,
    labels: str | Iterable[str] | None = None,
    min_score: float | None = None,
    min_confidence: float | None = None,
    split: str | None = None,
    manifest: "AnyPlace | None" = None,
    score: str | None = None,
) -> Exported:
    """Write results as a new folder, whole or not at all.

    Args:
        format: "coco", "voc", "yolo" or "csv".
        out: the folder; it must not be there yet, or be empty.
        root: folder of results, or of runs of batches, local or ``s3://``.
        kind: "detections", "localizations" or, for CSV alone, "classifications".
        run: only this run; None for all.
        labels: only these classes (one, or several).
        min_score: only rows with at least this score.
        min_confidence: only rows with at least this confidence, 0 to 1.
        split: only pictures of this split.
        manifest: folder of the manifest, with the sizes of the pictures and their objects; None for ``data/manifest``,
            which need not be there.
        score: which number goes with a box: "score" (what our own evaluation ranks by; default of COCO), "confidence"
            (default of YOLO) or, for YOLO, "none". VOC and CSV have both.

    Raises:
        SettingsError: if format, kind or score is not known, or they do not go together.
        ResultsError: if there are no results, or something that was asked for is not among them.
        PlaceError: if the folder is taken or cannot be written, or the results cannot be read.
        UnreachableError: if a bucket cannot be reached.
    """
    if format not in FORMATS:
        raise SettingsError(f"there is no format {format!r}{did_you_mean(format, FORMATS)}: {', '.join(FORMATS)}")
    request = Request(
        root=Place.of(root),
        kind=kind,
        run=run,
        labels=(labels,) if isinstance(labels, str) else tuple(labels) if labels is not None else None,
        min_score=min_score,
        min_confidence=min_confidence,
        split=split,
        truth=Truth.if_there(manifest),
        score=score,
    )
    folder = _free(Place.of(out))
    aside: Path | None = None
    try:
        with making(folder) as aside:
            written = FORMATS[format](request, aside)
    except OSError as error:
        reason = error.strerror or error
        raise PlaceError(f"{folder} cannot be made ({reason}): mend that, or name another folder") from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
    files = {name: folder / path.relative_to(aside) for name, path in written.files.items()}
    return replace(written, folder=folder, files=files)


def _free(out: Place) -> Path:
    folder = out.path.absolute()
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise PlaceError(f"{out} cannot be looked at ({error.strerror}): name another folder") from error
    if taken:
        raise PlaceError(f"{out} is there already, and nothing is overwritten: name another folder")
    return folder
