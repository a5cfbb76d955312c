"""Which failures may be gone the next time, and how Prefect tries again; all others are a person's or ours to mend."""

import os
import sys
from collections.abc import Callable
from typing import Any

from prefect import State
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed
from prefect.tasks import exponential_backoff

from flows.dvc_calls import DvcBusyError, RemoteUnreachableError
from overfeat.errors import OverFeatError, UnreachableError
from pipelines.engine.errors import WorkerKilledError

INFRASTRUCTURE = (
    DvcBusyError,
    RemoteUnreachableError,
    UnreachableError,
    WorkerKilledError,
    ConnectionError,
    TimeoutError,
)
"""A lock that is held, a bucket or cluster that does not answer, a worker that was killed."""
SENTENCES = (OverFeatError, *INFRASTRUCTURE)
"""Errors whose text is for a person; all others are bugs and keep their traceback."""
BUSY_RETRIES = 5
REMOTE_RETRIES = 4
FIRST_DELAY_SECONDS = 2.0
"""Of a lock or a remote; the next ones are twice as long each."""


def by_infrastructure(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Return whether a failure may be gone the next time: Prefect asks it before each retry."""
    return isinstance(state.result(raise_on_failure=False), INFRASTRUCTURE)


def retrying(retries: int, first_delay: float | None = None) -> dict[str, Any]:
    """Return the options of a task that is tried again, with back-off, after what infrastructure did."""
    return {
        "retries": retries,
        "retry_delay_seconds": exponential_backoff(FIRST_DELAY_SECONDS if first_delay is None else first_delay),
        "retry_condition_fn": by_infrastructure,
        "cache_policy": NO_CACHE,
    }


def mendable(error: BaseException) -> State[Any]:
    """Return the failed state of an error that is a sentence for a person: no traceback, no retry.

    With OVERFEAT_DEBUG=1 the error keeps where it was raised, a hundred lines through pool and engine. Who calls what
    returns such a state gets the state, and no error, unless through :func:`result_of`.
    """
    if os.environ.get("OVERFEAT_DEBUG") != "1":
        error.__cause__ = error.__context__ = None
        error = error.with_traceback(None)
    return Failed(message=str(error), data=error)


def result_of(call: Any, *arguments: Any) -> Any:
    """Call a task, or a flow within a flow, and return its result. Raises what it does, or what its state holds."""
    return call(*arguments, return_state=True).result()


def end_of(name: str, call: Callable[[], None], debug: bool) -> int:
    """Call ``call`` as the command line of the flow ``name`` and return the exit code.

    It is 2 where a person must mend something, 1 where it may be gone the next time; both are a sentence on stderr.
    With ``debug`` they keep their traceback.
    """
    if debug:
        os.environ["OVERFEAT_DEBUG"] = "1"
    try:
        call()
    except SENTENCES as error:
        if debug:
            raise
        sys.stderr.write(f"overfeat: {name}: {error}\n")
        return 2 if isinstance(error, OverFeatError) else 1
    return 0
