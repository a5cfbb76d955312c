"""Rows of detections drawn by hypothesis, as plain tuples and as a table."""

import pandas as pd
from hypothesis import strategies as st

from overfeat.results.schemas import DETECTIONS

LABELS = ["ant", "bee", "cat", "dog", "élan", "eel"]

ROWS = st.lists(
    st.tuples(
        st.sampled_from([f"p{number}" for number in range(7)]),
        st.sampled_from(LABELS),
        st.sampled_from([0.25, 0.5, 1.0, 2.5]),
        st.sampled_from(["val", "test"]),
    ),
    max_size=40,
)


def as_frame(rows: list[tuple[str, str, float, str]], run: str = "r") -> pd.DataFrame:
    """Return detections; ``members`` numbers the rows, so that each can be told from all others."""
    frame = pd.DataFrame(rows, columns=["image_id", "label", "score", "split"])
    frame["members"] = pd.Series([[number] for number in range(len(rows))], dtype=object)
    frame["scales"] = pd.Series([[1, 2]] * len(rows), dtype=object)
    frame = frame.assign(run=run, confidence=None, x1=1.0, y1=2.0, x2=3.0, y2=4.0, model="net")
    return frame[DETECTIONS.names]
