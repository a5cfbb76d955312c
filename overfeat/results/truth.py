"""What is true of the pictures of a data set, from its manifest: which of them serve which task, with their objects.

Recognition has the pictures of its data set that have a label, and views around the objects of those that have none;
where one data set serves both tasks, these are the pictures of detection.
"""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import pyarrow as pa

from overfeat.errors import PlaceMissingError, ResultsError
from overfeat.places import AnyPlace, Place
from overfeat.results.schemas import BOX, CLASSES, DETECTION, IMAGES, OBJECTS, RECOGNITION, VIEWS
from overfeat.results.store import read_table

DEFAULT_MANIFEST = Place.of("data/manifest")
_IMAGES_FILE = "images.parquet"


@dataclass(frozen=True)
class Truth:
    """A manifest, of which each table is read once, when it is needed.

    Attributes:
        folder: where its tables are, local or ``s3://``.
    """

    folder: Place

    @classmethod
    def of(cls, folder: AnyPlace = DEFAULT_MANIFEST) -> "Truth":
        """Return the manifest in a folder. Raises ResultsError if there is none."""
        place = Place.of(folder)
        if not (place / _IMAGES_FILE).exists():
            raise ResultsError(
                f"there is no manifest in {place.shown}: make it with `dvc repro manifest`, or name its folder"
            )
        return cls(place)

    @classmethod
    def if_there(cls, folder: "AnyPlace | None") -> "Truth | None":
        """Return the manifest in a folder that was named, else that in ``data/manifest``, None if there is none.

        Raises:
            ResultsError: if there is none in the folder that was named.
        """
        if folder is None and not (DEFAULT_MANIFEST / _IMAGES_FILE).exists():
            return None
        return cls.of(DEFAULT_MANIFEST if folder is None else folder)

    def class_names(self, role: str) -> list[str]:
        """Return the labels of a task ("recognition", "detection") by class index; none if no data set serves it."""
        return self._classes(role, "label")

    def class_words(self, role: str) -> list[str]:
        """Return what the classes of a task are called for people, by class index."""
        return self._classes(role, "name")

    @cached_property
    def recognition_pictures(self) -> pd.DataFrame:
        """Pictures and views by image_id, as ``IMAGES`` with left and top of a view (else NaN).

        All have a label, but for test pictures whose label may be kept secret.
        """
        where = self._images.set_index("image_id")[["role", "file", "offset", "length"]]
        cut = self._views.drop(columns=BOX).join(where, on="picture_id").drop(columns="picture_id")
        whole = self._images[self._is_whole]
        usable = whole["label"].notna() | (whole["split"] == "test")
        return pd.concat([whole[usable], cut]).sort_values("image_id", ignore_index=True)

    @cached_property
    def recognition_objects(self) -> pd.DataFrame:
        """The objects of the pictures of recognition, as ``OBJECTS``; of a view that is the one it is around."""
        own = self._objects[self._objects["image_id"].isin(self._images.loc[self._is_whole, "image_id"])]
        around = self._views[["image_id", "label", *BOX]].assign(difficult=False, crowd=False)
        return pd.concat([own, around], ignore_index=True)

    @cached_property
    def detection_pictures(self) -> pd.DataFrame:
        """The pictures of detection, as ``IMAGES``, by image_id."""
        return self._images[self._images["role"] == DETECTION].reset_index(drop=True)

    @cached_property
    def detection_objects(self) -> pd.DataFrame:
        """The objects of the pictures of detection, as ``OBJECTS``."""
        ids = self.detection_pictures["image_id"]
        return self._objects[self._objects["image_id"].isin(ids)].reset_index(drop=True)

    def _classes(self, role: str, column: str) -> list[str]:
        classes = self._read("classes", CLASSES)
        values: list[str] = classes.loc[classes["role"] == role, column].tolist()
        return values

    @property
    def _is_whole(self) -> "pd.Series[bool]":
        """Whether a picture serves recognition as a whole, and not by views."""
        return (self._images["role"] == RECOGNITION) & ~self._images["image_id"].isin(self._views["picture_id"])

    @cached_property
    def _images(self) -> pd.DataFrame:
        return self._read("images", IMAGES)

    @cached_property
    def _objects(self) -> pd.DataFrame:
        return self._read("objects", OBJECTS)

    @cached_property
    def _views(self) -> pd.DataFrame:
        return self._read("views", VIEWS)

    def _read(self, name: str, schema: pa.Schema) -> pd.DataFrame:
        try:
            frame: pd.DataFrame = read_table(self.folder / f"{name}.parquet", schema).to_pandas()
        except PlaceMissingError as error:
            raise ResultsError(f"the manifest in {self.folder} has no {name}.parquet: make it again") from error
        return frame
