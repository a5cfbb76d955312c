"""Files and folders, local or in an S3 bucket."""

from overfeat.places.place import AnyPlace as AnyPlace
from overfeat.places.place import File as File
from overfeat.places.place import Place as Place
from overfeat.places.s3 import told_apart as told_apart
from overfeat.places.s3 import told_unwritten as told_unwritten
