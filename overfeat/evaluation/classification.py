"""Top-1 and top-5 error (ILSVRC classification), with bootstrap intervals over pictures."""

from collections.abc import Mapping

import pandas as pd

from overfeat.evaluation.intervals import error_percent


def hits(guesses: pd.DataFrame, truth: Mapping[str, str]) -> pd.DataFrame:
    """Say for every picture of ``truth`` whether it was recognised.

    Args:
        guesses: columns image_id, label, rank (1 = best).
        truth: label by image_id. A picture without guesses counts as wrong.

    Returns:
        Frame with image_id, label (true), guess (best, or None), top1 and top5 (bool), sorted by image_id.
    """
    frame = pd.DataFrame({"image_id": list(truth), "label": list(truth.values())}).sort_values("image_id")
    asked = guesses[["image_id", "label", "rank"]].astype({"image_id": object, "label": object})
    asked = asked.merge(frame, on="image_id", suffixes=("_guess", ""))
    best = asked[asked["rank"] == 1].set_index("image_id")["label_guess"]
    right = asked[asked["label_guess"] == asked["label"]].groupby("image_id")["rank"].min()
    rank = frame["image_id"].map(right)
    frame["guess"] = frame["image_id"].map(best)
    frame["top1"], frame["top5"] = rank == 1, rank <= 5
    return frame.reset_index(drop=True)


def error_metrics(recognised: pd.DataFrame, resamplings: int, seed: int) -> dict[str, float]:
    """Return the errors in percent with their intervals, and the number of pictures.

    Args:
        recognised: from :func:`hits`, at least one row.
        resamplings: of the bootstrap; 0 leaves the intervals out.
        seed: of the bootstrap.
    """
    metrics: dict[str, float] = {"pictures": len(recognised)}
    for name in ("top1", "top5"):
        metrics |= error_percent(f"{name}_error", ~recognised[name].to_numpy(bool), resamplings, seed)
    return metrics


def error_by_class(recognised: pd.DataFrame) -> pd.DataFrame:
    """Return label, pictures, top1_error_percent and top5_error_percent, the worst class first."""
    grouped = recognised.groupby("label")
    frame = pd.DataFrame(
        {
            "pictures": grouped.size(),
            "top1_error_percent": 100 * (1 - grouped["top1"].mean()),
            "top5_error_percent": 100 * (1 - grouped["top5"].mean()),
        }
    )
    return frame.reset_index().sort_values(["top1_error_percent", "label"], ascending=[False, True])
