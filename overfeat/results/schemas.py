"""Columns: the one place where a table's columns are named.

Every file is written with its schema from here, never with one inferred from the rows. Boxes are float32
``x1, y1, x2, y2``, half-open, in pixels of the original picture, unless the name says otherwise.
"""

import pyarrow as pa

SCHEMA_VERSION = 1

RECOGNITION, DETECTION = "recognition", "detection"
"""The roles a picture of the manifest can have, which are also the tasks of evidence and decisions."""

_LABEL = pa.dictionary(pa.int32(), pa.string())
BOX = ["x1", "y1", "x2", "y2"]
"""The columns of a box, in pixels of the original picture, half-open."""
_BOX = [(side, pa.float32()) for side in BOX]
BOX_COLUMNS = ("box_x1", "box_y1", "box_x2", "box_y2")
"""Columns of a window's regressed box, beside those of the window itself."""

IMAGES = pa.schema(
    [
        ("image_id", pa.string()),
        ("role", pa.string()),  # "recognition" or "detection": which tasks it serves
        ("split", pa.string()),
        ("label", pa.string()),  # of the whole picture; null where it has none
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("file", pa.string()),  # below the data set's root
        ("offset", pa.int64()),
        ("length", pa.int64()),
    ]
)
"""Manifest: one row a usable picture, sorted by image_id; it is ``length`` bytes of ``file`` from ``offset``."""

OBJECTS = pa.schema(
    [
        ("image_id", pa.string()),
        ("label", pa.string()),
        *_BOX,
        ("difficult", pa.bool_()),
        ("crowd", pa.bool_()),  # around a group, not one object
    ]
)
"""Manifest: one row an annotated object, sorted by image_id, in the order of the annotation."""

VIEWS = pa.schema(
    [
        ("image_id", pa.string()),  # PICTURE#NUMBER: a view is a picture of its own from here on
        ("picture_id", pa.string()),  # the image_id of the picture it is cut from
        ("split", pa.string()),
        ("label", pa.string()),
        ("left", pa.int32()),
        ("top", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        *_BOX,  # of its object, in pixels of the view
    ]
)
"""Manifest: one row a view around an object, sorted by image_id; only where pictures have objects and no label."""

CLASSES = pa.schema(
    [("role", pa.string()), ("index", pa.int32()), ("label", pa.string()), ("name", pa.string())],
)
"""Manifest: one row a class of a task, sorted by role, index; ``index`` is the output channel."""

REJECTS = pa.schema(
    [("image_id", pa.string()), ("file", pa.string()), ("reason", pa.string()), ("detail", pa.string())]
)
"""Manifest: one row a thing that was left out or mended ("clipped"), and why."""

STORED_IMAGES = pa.schema(
    [
        ("image_id", pa.string()),
        ("split", pa.string()),
        ("label", pa.string()),
        ("class_index", pa.int32()),  # -1 where the picture has no label
        ("width", pa.int32()),  # of the original
        ("height", pa.int32()),
        ("stored_width", pa.int32()),
        ("stored_height", pa.int32()),
        ("enlarged", pa.bool_()),
        ("jpeg", pa.binary()),
        ("object_labels", pa.list_(pa.string())),
        ("scaled_boxes", pa.list_(pa.list_(pa.float32(), 4))),  # in pixels of the stored picture
        ("difficult", pa.list_(pa.bool_())),
        ("crowd", pa.list_(pa.bool_())),
    ]
)
"""A downsampled picture, encoded, beside its objects."""

WINDOWS = pa.schema(
    [
        ("run", _LABEL),
        ("image_id", _LABEL),
        ("split", _LABEL),
        ("member", pa.int8()),  # of an ensemble, from 0
        ("scale", pa.int8()),  # number of the model's scale, 1 the smallest; 0 for the ten views
        ("flip", pa.bool_()),
        ("window", pa.int32()),  # its number in the picture's evidence, from 0
        ("row", pa.int16()),  # of the fine output map, in the frame of the network's input
        ("col", pa.int16()),
        ("offset_y", pa.int8()),  # of the last pool
        ("offset_x", pa.int8()),
        *_BOX,  # the field of view, flips undone
        ("label", _LABEL),  # the most probable class
        ("score", pa.float32()),  # its probability
        ("log_partition", pa.float32()),  # probability = exp(logit - log_partition)
        ("class_indices", pa.list_(pa.int16())),
        ("logits", pa.list_(pa.float32())),
        *[(name, pa.float32()) for name in BOX_COLUMNS],  # regressed; null without a localizer
        ("class_boxes", pa.list_(pa.float32())),  # x1, y1, x2, y2 of each of class_indices; null if one box serves all
    ]
)
"""Evidence: one row a window, sorted by image_id, member, scale, flip, row, col.

``box_x1 .. box_y2`` is where the regressor sees the object of ``label``, cut to the picture.

``class_indices`` are the window's best classes and every class whose spatial maximum over the map it holds, so that
the class decision made from the table equals the one made from the whole maps.

At scale 0 ``row`` is the number of the crop: top left, top right, bottom left, bottom right, centre, as they are seen
in the picture or in its mirror image; every class is kept.
"""

TEN_VIEWS = 0
"""The scale of the rows of ten views."""

CLASSIFICATIONS = pa.schema(
    [
        ("run", _LABEL),
        ("image_id", _LABEL),
        ("label", _LABEL),
        ("score", pa.float32()),
        ("rank", pa.int16()),  # 1 = best
        ("model", _LABEL),
        ("split", _LABEL),
    ]
)
"""Decisions: one row a picture and guess, sorted by image_id, rank."""

LOCALIZATIONS = pa.schema(
    [
        ("run", _LABEL),
        ("image_id", _LABEL),
        ("label", _LABEL),
        ("score", pa.float32()),  # class outputs of its members, added up: may exceed 1
        ("confidence", pa.float32()),  # chance that class and box are right, 0 to 1; null where it was not fitted
        *_BOX,
        ("rank", pa.int16()),  # 1 = best
        ("members", pa.list_(pa.int32())),  # ``window`` of the evidence that was merged into it
        ("scales", pa.list_(pa.int8())),  # of its members
        ("model", _LABEL),
        ("split", _LABEL),
    ]
)
"""Decisions: one row a picture and guess of a class with its box, sorted by image_id, rank."""

DETECTIONS = pa.schema(
    [
        ("run", _LABEL),
        ("image_id", _LABEL),
        ("label", _LABEL),
        ("score", pa.float32()),  # class outputs of its members, added up: may exceed 1
        ("confidence", pa.float32()),  # chance that class and box are right, 0 to 1; null where it was not fitted
        *_BOX,
        ("members", pa.list_(pa.int32())),  # ``window`` of the evidence that was merged into it
        ("scales", pa.list_(pa.int8())),  # of its members
        ("model", _LABEL),
        ("split", _LABEL),
    ]
)
"""Decisions: one row an object, sorted by image_id and falling score."""

PROCESSED = pa.schema(
    [
        ("run", _LABEL),
        ("image_id", _LABEL),
        ("task", _LABEL),  # "recognition" or "detection"
        ("windows", pa.int32()),  # that voted
        ("detections", pa.int32()),  # rows it has in the detections; null for recognition
        ("model", _LABEL),
        ("split", _LABEL),
    ]
)
"""Decisions: one row a picture that was looked at, so that "nothing found" and "not processed" can be told apart."""

DECISIONS = {
    "classifications": CLASSIFICATIONS,
    "localizations": LOCALIZATIONS,
    "detections": DETECTIONS,
    "processed": PROCESSED,
}
"""The tables of decisions by the name of their folder in the results."""

TASKS = {"classifications": RECOGNITION, "localizations": RECOGNITION, "detections": DETECTION}
"""The task of each table of decisions about what a picture shows; "processed" is of both."""


def plain_columns(schema: pa.Schema) -> list[str]:
    """Return the columns of a table that are no lists: what a row was merged from is long."""
    return [field.name for field in schema if not pa.types.is_list(field.type)]


PICTURES = pa.schema(
    [
        ("run", _LABEL),
        ("image_id", pa.string()),  # hash of the file's bytes: the same picture at two paths is looked at once
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("modified_ns", pa.int64()),  # since 1970, as the file system has it
        ("width", pa.int32()),  # in pixels, turned upright; null where the picture cannot be read
        ("height", pa.int32()),
        ("reason", pa.string()),  # why it cannot be read; null where it was looked at
    ]
)
"""Batches: one row a path that a run met for the first time, or with other bytes, sorted by path."""

NEGATIVES = pa.schema(
    [
        ("image_id", _LABEL),
        ("epoch", pa.int16()),  # from 1
        ("scale", pa.int8()),
        ("flip", pa.bool_()),
        *_BOX,  # the window, flip undone
        ("label", _LABEL),  # the class it was most taken for
        ("score", pa.float32()),  # the probability of that class when it was chosen
        ("hardest", pa.bool_()),  # chosen for its score, or at random
    ]
)
"""The ledger of a training: one row a window of background that was chosen, in the order of choosing."""

DIFF = pa.schema(
    [
        ("run_a", _LABEL),
        ("run_b", _LABEL),
        ("kind", _LABEL),  # "detections", "localizations" or "classifications"
        ("change", _LABEL),  # "kept", "moved", "relabelled", "gained", "lost"; "only_a" or "only_b" for a picture that
        # the other run did not look at
        ("image_id", _LABEL),
        ("label_a", _LABEL),  # all of A is null where there is nothing in A, and likewise of B
        ("label_b", _LABEL),
        ("score_a", pa.float32()),
        ("score_b", pa.float32()),
        ("confidence_a", pa.float32()),  # null for classifications
        ("confidence_b", pa.float32()),
        ("iou", pa.float32()),  # of both boxes; null for classifications
        *[(f"{side}_a", type_) for side, type_ in _BOX],
        *[(f"{side}_b", type_) for side, type_ in _BOX],
    ]
)
"""Two runs beside each other: one row a box, or a picture's first guess, of either or of both.

Sorted by kind in the order above, then by image_id and by change in the order above.
"""

CALIBRATION = pa.schema(
    [
        ("task", _LABEL),  # "recognition" or "detection"
        ("image_id", _LABEL),
        ("label", _LABEL),
        ("log_share", pa.float64()),  # of the output of all windows
        ("mean_output", pa.float64()),  # of its windows
        ("log_area", pa.float64()),  # of its box, in square pixels of the original picture
        ("right", pa.bool_()),
    ]
)
"""Decisions on pictures that no training saw, and whether they are right."""

PAPER_TABLES = pa.schema(
    [
        ("table", pa.string()),  # "classification", "localization" or "detection"
        ("row", pa.string()),
        ("measure", pa.string()),
        ("pictures", pa.int32()),
        ("percent", pa.float64()),
        ("low_percent", pa.float64()),  # ends of the 95 % interval
        ("high_percent", pa.float64()),
        ("paper_percent", pa.float64()),  # on ImageNet; null where the paper prints none
        ("paper_net", pa.string()),
        ("than", pa.string()),  # the row it is compared with
        ("paper_says", pa.string()),  # "better" or "worse" than that row
        ("gain_percent", pa.float64()),  # by how much it is better than that row here
        ("gain_low_percent", pa.float64()),
        ("gain_high_percent", pa.float64()),
        ("verdict", pa.string()),  # "holds", "does not hold" or "within noise"
        ("settings", pa.string()),  # of merge, as JSON
    ]
)
"""The paper's tables on other data: one row a row and measure, in the order of the paper."""
