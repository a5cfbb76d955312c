"""OverFeat: integrated recognition, localization and detection with one convolutional network (Sermanet et al., 2013).

Names are loaded when first used, so that reading results in pandas does not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from overfeat.comparison.diff import diff as diff
    from overfeat.inference.dense import dense as dense
    from overfeat.inference.merge import merge_boxes as merge_boxes
    from overfeat.models.network import OverFeat as OverFeat
    from overfeat.models.network import normalize as normalize
    from overfeat.models.released import load_released as load_released
    from overfeat.recognizer import Recognizer as Recognizer
    from overfeat.results.explain import explain as explain
    from overfeat.results.export import export as export
    from overfeat.results.opening import list_runs as list_runs
    from overfeat.results.opening import open_run as open_run
    from overfeat.results.queries import read_classifications as read_classifications
    from overfeat.results.queries import read_detections as read_detections
    from overfeat.results.queries import read_localizations as read_localizations
    from overfeat.results.queries import read_pictures as read_pictures
    from overfeat.results.queries import read_processed as read_processed
    from overfeat.results.queries import read_windows as read_windows
    from overfeat.results.sql import query as query

_HOMES = {
    "OverFeat": "overfeat.models.network",
    "Recognizer": "overfeat.recognizer",
    "dense": "overfeat.inference.dense",
    "diff": "overfeat.comparison.diff",
    "explain": "overfeat.results.explain",
    "export": "overfeat.results.export",
    "list_runs": "overfeat.results.opening",
    "load_released": "overfeat.models.released",
    "merge_boxes": "overfeat.inference.merge",
    "normalize": "overfeat.models.network",
    "open_run": "overfeat.results.opening",
    "query": "overfeat.results.sql",
    "read_classifications": "overfeat.results.queries",
    "read_detections": "overfeat.results.queries",
    "read_localizations": "overfeat.results.queries",
    "read_pictures": "overfeat.results.queries",
    "read_processed": "overfeat.results.queries",
    "read_windows": "overfeat.results.queries",
}

__all__ = [
    "OverFeat",
    "Recognizer",
    "dense",
    "diff",
    "explain",
    "export",
    "list_runs",
    "load_released",
    "merge_boxes",
    "normalize",
    "open_run",
    "query",
    "read_classifications",
    "read_detections",
    "read_localizations",
    "read_pictures",
    "read_processed",
    "read_windows",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'overfeat' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
