"""S3 through pyarrow: opened with the usual AWS_* settings, its faults told apart."""

import contextlib
import functools
import os
import re
from collections.abc import Iterator

from pyarrow import fs

from overfeat.errors import PlaceError, PlaceMissingError, UnreachableError

S3 = "s3://"
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
CONNECT_SECONDS = 10
REQUEST_SECONDS = 60  # pyarrow's own limit is 3 s, too short for a large answer over a slow line

_FAULT = re.compile(r"AWS Error (\w+)(?: \(HTTP status (\d+)\))? during (\w+) operation: (.*)", re.DOTALL)
_PASSING = {
    "NETWORK_CONNECTION",
    "REQUEST_TIMEOUT",
    "INTERNAL_FAILURE",
    "SERVICE_UNAVAILABLE",
    "SLOW_DOWN",
    "THROTTLING",
    "BANDWIDTH_LIMIT_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
}
_REFUSED = {
    "ACCESS_DENIED",
    "ACCOUNT_PROBLEM",
    "INVALID_ACCESS_KEY_ID",
    "INVALID_CLIENT_TOKEN_ID",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "NOT_SIGNED_UP",
    "OPT_IN_REQUIRED",
    "SIGNATURE_DOES_NOT_MATCH",
    "UNRECOGNIZED_CLIENT",
    "VALIDATION",
}


def file_system() -> fs.S3FileSystem:
    """Return the file system of S3 as the environment describes it now; made once for each such description."""
    return _made(tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))))


@functools.lru_cache(maxsize=4)
def _made(_settings: tuple[tuple[str, str], ...]) -> fs.S3FileSystem:
    return fs.S3FileSystem(
        endpoint_override=_first(ENDPOINTS),  # pyarrow 26 does not read these variables by itself
        region=_first(REGIONS),
        connect_timeout=CONNECT_SECONDS,
        request_timeout=REQUEST_SECONDS,
        allow_delayed_open=True,  # a small object is one request, not three
    )


@contextlib.contextmanager
def told_apart(text: str) -> Iterator[None]:
    """Turn what goes wrong with the place ``text`` in the block into errors for a person.

    Raises:
        PlaceMissingError: if it is not there.
        PlaceError: if it may not be read or written, or the bucket is not there.
        UnreachableError: if the network or the service failed: it may be gone the next time.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise missing(text) from error
    except PermissionError as error:
        raise PlaceError(
            f"{text} may not be read or written here: change its permissions, or give another path"
        ) from error
    except (NotADirectoryError, IsADirectoryError) as error:
        raise PlaceError(
            f"{text} is a file where a folder is needed, or a folder where a file is: mend the path"
        ) from error
    except OSError as error:
        if fault := _FAULT.search(str(error)):
            raise _told(text, *fault.groups()) from error
        raise


@contextlib.contextmanager
def told_unwritten(place: object, instead: str) -> Iterator[None]:
    """Turn what keeps the file ``place`` from being written in the block into an error that says to name another.

    Raises:
        PlaceError: with the reason and ``instead``, what another is to be named: "file", "folder with --out".
    """
    try:
        yield
    except OSError as error:
        raise PlaceError(f"{place} cannot be written ({error.strerror or error}): name another {instead}") from error


def missing(text: str) -> PlaceMissingError:
    """Return the error for a place that is not there."""
    return PlaceMissingError(f"{text} is not there: mend the path")


def _told(text: str, code: str, status: str | None, operation: str, words: str) -> Exception:
    """Return the error for what the service said."""
    where = text.split("/")[2]
    service = _first(ENDPOINTS) or "S3"
    brief = re.split(r"; Details| \(Request ID", " ".join(words.split()))[0] or code
    if code == "NO_SUCH_BUCKET":
        return PlaceError(f"there is no bucket {where} at {service}: mend the path, or AWS_ENDPOINT_URL")
    if code in _PASSING or status in ("429",) or (status or "").startswith("5"):
        return UnreachableError(
            f"{text} cannot be reached at {service} just now ({brief}): look at the network and AWS_ENDPOINT_URL"
        )
    if code in _REFUSED or status in ("401", "403"):
        return PlaceError(
            f"{text} may not be used with these credentials ({operation}: {brief}): "
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, of somebody who may"
        )
    if status == "301":
        return PlaceError(f"bucket {where} is in another region: set AWS_DEFAULT_REGION to its region")
    return PlaceError(f"{text} cannot be used ({operation}: {code}: {brief}): mend the path or the AWS_* settings")


def _first(names: tuple[str, ...]) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)
