"""The DVC remote: what others have made is fetched before a flow works, and what it made is pushed after."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task

from flows.dvc_calls import RemoteUnreachableError, fetch, push
from flows.infrastructure import REMOTE_RETRIES, mendable, result_of, retrying
from overfeat.errors import OverFeatError


def pull_stages(root: Path, stages: Sequence[str]) -> None:
    """Fetch outs and the run cache, so that DVC restores what another machine has made.

    Raises:
        RemoteUnreachableError: if the remote did not answer, however often it was tried.
        OverFeatError: if a person must mend the remote.
    """
    try:
        _transfer("pull", fetch, root, stages)
    except RemoteUnreachableError as error:
        raise RemoteUnreachableError(
            f"nothing is worked, since what others have made could not be pulled: {error}; run it again later, or "
            "with share=False (--no-share) to work without the remote"
        ) from error


def push_stages(root: Path, stages: Sequence[str]) -> None:
    """Push outs and the run cache.

    Raises:
        RemoteUnreachableError: if the remote did not answer, however often it was tried.
        OverFeatError: if a person must mend the remote.
    """
    try:
        _transfer("push", push, root, stages)
    except RemoteUnreachableError as error:
        raise RemoteUnreachableError(f"{_ALL_MADE}: {error}; run it again, which only pushes, or `dvc push`") from error
    except OverFeatError as error:
        raise type(error)(f"{_ALL_MADE}: {error}") from error


_ALL_MADE = "all stages are made and sealed, but were not pushed"


def _transfer(
    name: str, call: Callable[[Path, Sequence[str], Callable[[str], None]], None], root: Path, stages: Sequence[str]
) -> None:
    @task(name=name, task_run_name=name, **retrying(REMOTE_RETRIES))
    def transfer() -> Any:
        try:
            call(root, stages, get_run_logger().debug)
        except OverFeatError as error:
            return mendable(error)
        return None

    result_of(transfer)
