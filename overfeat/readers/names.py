"""What a file's name alone tells: whether it is a picture, hidden, and what it is called without its suffix.

Names come from archives and folders of strangers. They are compared and shown, and never opened.
"""

from pathlib import PurePosixPath

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"})


def base_name(name: str) -> str:
    """Return the last component of a name found in an archive: ``"a/b/c.xml"`` gives ``"c.xml"``."""
    return name.rstrip("/").rpartition("/")[2]


def stem(name: str) -> str:
    """Return the last component without its last suffix: ``"a/n01_2.JPEG"`` gives ``"n01_2"``."""
    return PurePosixPath(base_name(name)).stem


def suffix(name: str) -> str:
    """Return the last suffix in lower case, with its dot: ``"n01_2.JPEG"`` gives ``".jpeg"``."""
    return PurePosixPath(base_name(name)).suffix.lower()


def is_picture(name: str) -> bool:
    """Say whether the name ends as a picture's does."""
    return suffix(name) in PICTURE_SUFFIXES


def is_hidden(name: str) -> bool:
    """Say whether the last component begins with one dot, as ``.DS_Store`` and ``._n01_2.JPEG`` do."""
    base = base_name(name)
    return base.startswith(".") and not base.startswith("..")
