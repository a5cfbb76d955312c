"""Views around objects: how pictures without a label of their own serve recognition.

A view is a square region around one object, with the object's label. From here on it is a picture by itself, whose
pixels are counted from its own corner.
"""

import numpy as np
import pandas as pd

from overfeat.results.schemas import BOX, VIEWS


def object_views(images: pd.DataFrame, objects: pd.DataFrame, context: float) -> pd.DataFrame:
    """Return a view of every clear object.

    Args:
        images: columns image_id, split, width, height.
        objects: as ``OBJECTS``, in the order of the annotation; difficult ones and crowds give no view.
        context: side of the view in longer sides of the object, 1 or more; it is cut where the picture is smaller.

    Returns:
        Frame as ``VIEWS``: the view lies inside its picture, with the object as near to its middle as that allows.
    """
    joined = objects.merge(images[["image_id", "split", "width", "height"]], on="image_id")
    number = joined.groupby("image_id").cumcount()
    joined = joined.assign(picture_id=joined["image_id"], image_id=joined["image_id"] + "#" + number.astype(str))
    joined = joined[~(joined["difficult"] | joined["crowd"])].reset_index(drop=True)
    boxes = joined[BOX].to_numpy(np.float64)
    picture = joined[["width", "height"]].to_numpy(np.int64)
    longer = (boxes[:, 2:] - boxes[:, :2]).max(1, initial=0)
    size = np.minimum(np.ceil(longer * context).astype(np.int64)[:, None], picture)
    corner = np.clip(((boxes[:, :2] + boxes[:, 2:] - size) / 2).round().astype(np.int64), 0, picture - size)
    inside = (boxes - np.tile(corner, 2)).astype(np.float32)
    views = joined.assign(left=corner[:, 0], top=corner[:, 1], width=size[:, 0], height=size[:, 1])
    views[BOX] = inside
    frame: pd.DataFrame = views[VIEWS.names].sort_values("image_id", ignore_index=True)
    return frame
