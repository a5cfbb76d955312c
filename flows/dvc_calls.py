"""DVC by its command line: what is stale, and its remote. It stays the only writer of its files."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipelines.engine.command import SEAL_ONLY, UNITS_MISSING, USER_ERROR
from pipelines.engine.errors import PipelineError

STAGE_FAILED = re.compile(r"failed to reproduce '([^']+)'(?:.*exited with (-?\d+))?", re.DOTALL)
_BUSY = re.compile(r"is busy, it is being blocked by:\s*(.*)|Unable to acquire lock|lock.* is held", re.DOTALL)
_TAIL_LINES = 20

# What DVC's ERROR lines say of a remote: in this order, for one call may say several of them.
_NO_BUCKET = re.compile("NoSuchBucket")
_REFUSED = re.compile(
    r"Unable to locate credentials|config profile|Forbidden|\(403\)|AccessDenied|InvalidAccessKeyId|"
    r"SignatureDoesNotMatch|ExpiredToken"
)
_MISCONFIGURED = re.compile(r"config file error: (.*)|(\S+ is supported, but requires \S+ to be installed)")
_UNREACHABLE = re.compile(
    r"Could not connect|failed to connect|Cannot connect|Connection ?(?:refused|reset|aborted|was closed)|"
    r"[Tt]imed? ?out|name resolution|Name or service not known|unreachable|No route to host|Service ?Unavailable|"
    r"\(50[0234]\)|SlowDown|InternalError"
)
_LACKING = re.compile(r"\d+ files? failed to download")
_NOT_LACKING = re.compile(r"failed to transfer (?!.*(?:The specified key does not exist|No such file or directory))")


class DvcBusyError(Exception):
    """Another DVC works the same stage or holds the lock; it may be asked again later."""


class RemoteUnreachableError(Exception):
    """The DVC remote cannot be reached just now; it may be asked again later."""


def status(root: Path, stages: Sequence[str]) -> dict[str, Any]:
    """Return what DVC finds stale in ``stages``: empty if all is as recorded.

    Raises:
        DvcBusyError: if another run is at one of them.
        RuntimeError: if DVC fails.
    """
    code, lines = _call(root, ["status", "--json", *stages])
    text = "\n".join(lines)
    start = text.find("{")
    if code == 0 and start >= 0:
        found: dict[str, Any] = json.JSONDecoder().raw_decode(text[start:])[0]
        return found
    raise broken(["status"], code, lines)


def has_remote(root: Path) -> bool:
    """Return whether a default DVC remote is configured. Raises RuntimeError if DVC cannot say."""
    code, lines = _call(root, ["config", "core.remote"])  # exits with 0 and says nothing where there is none
    if code:
        raise broken(["config", "core.remote"], code, lines)
    return any(line and not line.startswith("WARNING") for line in lines)


def fetch(root: Path, stages: Sequence[str], report: Callable[[str], None]) -> None:
    """Put in its place what the default remote has of ``stages``, so that it need not be worked here.

    What the remote has not is no error: it stays missing. A stage with a metrics file that git holds is restored as
    ``dvc.lock`` has it, not from the run cache of other settings: its metrics were never pushed.

    Args:
        root: the project's root folder.
        stages: in the order of ``dvc.yaml``.
        report: called with each line that DVC says, as it comes.

    Raises:
        RemoteUnreachableError: if the remote cannot be reached.
        OverFeatError: if its address, bucket or credentials must be mended.
        DvcBusyError: if another run is at one of the stages.
        RuntimeError: on anything else, with the end of what was said.
    """
    # `fetch` brings the outs of dvc.lock, also of stages behind one that must be worked. With `--run-cache` it would
    # bring the records of the run cache as well, but not their outs.
    _transfer(root, ["fetch", *stages], report)
    # `repro --pull` brings both, stage by stage, and ends at the first whose units are missing. It also spares a stage
    # of which only outs are missing: a plain `repro` works it again if one of them, as metrics, is not cached.
    _transfer(root, ["repro", "--pull", *stages], report)


def push(root: Path, stages: Sequence[str], report: Callable[[str], None]) -> None:
    """Push the outs of ``stages``, as recorded, and the run cache to the default remote.

    Only outs of the present ``dvc.lock`` are pushed, not those of older settings: push after each change. Arguments and
    errors are those of :func:`fetch`.
    """
    # DVC takes a folder for whole where its list is on the remote, which it pushes last: if somebody deletes a single
    # file there, no later push brings it back until the list (`files/md5/xx/*.dir`) is deleted too.
    _transfer(root, ["push", "--run-cache", *stages], report)


def _transfer(root: Path, words: list[str], report: Callable[[str], None]) -> None:
    code, lines = _call(root, words, report)
    said = "\n".join(line for line in lines if line.startswith(("ERROR", "WARNING: Failed to pull")))
    if _NO_BUCKET.search(said):
        raise PipelineError(
            "the bucket of the DVC remote is not there: make it, or mend its name with `dvc remote modify NAME url`"
        )
    if refused := _REFUSED.search(said):
        raise PipelineError(
            f"the DVC remote refuses these credentials ({refused[0].strip('()')}): set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, of somebody who may use it"
        )
    if wrong := _MISCONFIGURED.search(said):
        raise PipelineError(f"the DVC remote cannot be used: {wrong[1] or wrong[2]}; mend it with `dvc remote modify`")
    if _UNREACHABLE.search(said):
        first = next(line for line in said.splitlines() if _UNREACHABLE.search(line))
        raise RemoteUnreachableError(
            f"the DVC remote cannot be reached ({first.partition(' - ')[2] or first}): look at the network and at "
            "`dvc remote list`"
        )
    if code == 0 or (_LACKING.search(said) and not _NOT_LACKING.search(said)):
        return  # what the remote has not will be worked
    failed = STAGE_FAILED.search("\n".join(lines))
    if failed and failed[2] in {str(UNITS_MISSING), str(USER_ERROR)}:
        return  # which will be seen when the stage is made
    raise broken(words[:1], code, lines)


def last_sentence(lines: Sequence[str]) -> str:
    """Return the last ``overfeat: STAGE: sentence`` without the ``overfeat: ``."""
    said = [line for line in lines if line.startswith("overfeat: ")]
    return said[-1].removeprefix("overfeat: ") if said else "the stage failed without saying why"


def _busy(text: str) -> DvcBusyError | None:
    """Return the error if DVC says that another run is at work."""
    if found := _BUSY.search(text):
        by = (found[1] or "another DVC").strip().splitlines()[0].strip()
        return DvcBusyError(f"another run is at work: {by}; wait for it, or end it, and run this again")
    return None


def broken(words: Sequence[str], code: int, lines: Sequence[str]) -> Exception:
    """Return the error of a call that failed as no call should, or because another run is at work."""
    end = "\n".join(lines[-_TAIL_LINES:])
    return _busy("\n".join(lines)) or RuntimeError(f"`dvc {' '.join(words)}` failed with exit code {code}:\n{end}")


def started(root: Path, words: Sequence[str], **environment: str) -> subprocess.Popen[bytes]:
    """Start ``dvc`` with ``words``; what it says, on either stream, comes through ``stdout``.

    ``python`` is this interpreter in its stages, also where nobody activated its environment.
    """
    own = str(Path(sys.executable).parent)
    path = os.pathsep.join([own, os.environ.get("PATH", os.defpath)])
    env = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", **environment}
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", *words]
    return subprocess.Popen(command, cwd=root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _call(root: Path, words: Sequence[str], report: Callable[[str], None] | None = None) -> tuple[int, list[str]]:
    """Run ``dvc`` with ``words``, in which no stage works, and return its exit code and all that was said."""
    lines = []
    with started(root, words, **{SEAL_ONLY: "1"}) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line.decode(errors="replace").rstrip())
                if report and lines[-1]:
                    report(lines[-1])
        except BaseException:  # a cancelled flow must not wait for DVC; the stage under it ends with it
            process.terminate()
            raise
    return process.returncode, lines
