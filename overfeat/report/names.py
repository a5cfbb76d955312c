"""What classes and pictures are called in the report."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class ClassNames:
    """The classes of a task by index.

    Attributes:
        labels: as tables have them.
        words: for people; of the same number.
    """

    labels: Sequence[str]
    words: Sequence[str]

    @cached_property
    def shown(self) -> list[str]:
        """The words, which say no more than is needed: of classes with the same ones the label stands beside them."""
        plain = [words or label for label, words in zip(self.labels, self.words, strict=True)]
        often = Counter(plain)
        return [
            f"{text} ({label})" if often[text] > 1 and text != label else text
            for label, text in zip(self.labels, plain, strict=True)
        ]

    @cached_property
    def index(self) -> dict[str, int]:
        """Index by label."""
        return {label: number for number, label in enumerate(self.labels)}

    def of(self, label: str) -> str:
        """Return what a class is called; a label that is not known is called by itself."""
        return self.shown[self.index[label]] if label in self.index else label


def file_stem(task: str, image_id: str) -> str:
    """Return the name of a picture's files: of its id, which may be anything, only a hash is in it."""
    return hashlib.blake2b(f"{task}\0{image_id}".encode(), digest_size=8).hexdigest()
