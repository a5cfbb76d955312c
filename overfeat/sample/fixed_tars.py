"""Tars that depend on their contents alone: no date, owner or file name gets in beside them."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast


@contextmanager
def open_tar(target: Path | IO[bytes]) -> Iterator[tarfile.TarFile]:
    """Write a tar to a stream, or to a file, gzipped if its name says so."""
    with ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(target.open("wb")) if isinstance(target, Path) else target
        if isinstance(target, Path) and target.suffix in (".gz", ".tgz"):
            # of itself gzip writes its file's name and the time into its header
            packed = gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0)
            stream = cast(IO[bytes], stack.enter_context(packed))
        yield stack.enter_context(tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT))


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file. A new ``TarInfo`` has owner 0, mode 0644 and the time 0."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
