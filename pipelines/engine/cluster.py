"""Units worked on a Dask cluster: the same ``work`` and ``close`` as the pool of processes here.

A unit is a Dask task, which a process beside the Dask worker works (:mod:`pipelines.engine.cluster_worker`). Where a
Dask worker is lost, the scheduler gives its units to others; the flock of a unit keeps two from working it at once.
"""

import base64
import json
import logging
import pickle
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from pipelines.engine.cluster_room import LOOK_SECONDS, Room
from pipelines.engine.cluster_worker import Job
from pipelines.engine.errors import ClusterError, PipelineError, WorkerKilledError
from pipelines.engine.plan import Plan
from pipelines.engine.pool import TRIES
from pipelines.engine.settings import stage_package
from pipelines.engine.stage import Unit, processors

CONNECT_SECONDS = 15.0
PATIENCE_SECONDS = 60.0
"""How long a cluster without any worker is waited for: one that was killed may be started again."""


class ClusterPool:
    """A Dask cluster that works units of one plan. :meth:`work` may be called from many threads at once."""

    def __init__(self, root: Path, plan: Plan, address: str, patience: float = PATIENCE_SECONDS) -> None:
        """Connect to the scheduler at ``address`` and wait for a worker.

        Raises:
            PipelineError: if the address is none, or the package ``distributed`` is not installed.
            ClusterError: if no scheduler answers, or it has no worker for ``patience`` seconds.
        """
        self._whole = plan.workers == 1 or plan.gpu  # its units take a machine each, with all processors that one has
        threads = 0 if self._whole and plan.threads == processors() else plan.threads
        self._job = asdict(Job(str(root.absolute()), plan.stage, plan.key, stage_package(), threads))
        self._begun: dict[str, Any] = {}
        self._client = _connect(address, f"overfeat-{plan.stage}")
        try:
            self._room = Room(self._client, address, self._whole, patience)
        except BaseException:
            self._client.close(timeout=5)
            raise

    def __enter__(self) -> "ClusterPool":
        """Return the pool."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the cluster; units that it still works are not wanted any more."""
        self.close()

    @property
    def at_once(self) -> int:
        """How many units are worked at once: more calls of :meth:`work` wait. It grows with the cluster."""
        return max(1, sum(self._room.look().values()))

    def work(self, unit: Unit, tries: int = TRIES, alone: bool = False) -> None:
        """Work ``unit`` and wait for it; it is always ``alone`` in its process.

        Raises:
            WorkerKilledError: if its process was killed ``tries`` times, or one Dask worker after the other was.
            ClusterError: if the cluster was lost.
            Exception: whatever the stage's ``work`` raised.
        """
        reply: dict[str, Any] = {}
        for _ in range(tries):
            reply = self._carry(unit)
            if "answer" in reply:
                return _raise_error(json.loads(reply["answer"]))
        raise WorkerKilledError(
            f"the process that worked unit {unit.name} on {reply['host']} ended with exit code {reply['ended']} "
            f"(tries: {tries}); -9 is a kill: if it ran out of memory (see `dmesg` there), give the machine more or "
            "the stage smaller units, and run it again; else the Dask worker's log says why"
        )

    def close(self, kill: bool = False) -> None:
        """Leave the cluster. Units at work there are cancelled, ``kill`` or not, and their processes ended."""
        self._room.close()
        if (begun := list(self._begun.values())) and self._client.status == "running":
            self._client.cancel(begun, force=True)
        self._client.close(timeout=5)

    def _carry(self, unit: Unit) -> dict[str, Any]:
        """Return the reply of the Dask worker that had the unit worked."""
        from distributed import CancelledError, KilledWorker

        key, place = f"{self._job['stage']}-{unit.name}-{uuid.uuid4().hex}", self._room.take()
        where = {"workers": [place], "allow_other_workers": True} if self._whole else {}
        try:
            self._begun[key] = future = self._client.submit(
                _carrier(), self._job, asdict(unit), key=key, pure=False, **where
            )
            return self._wait(future)
        except KilledWorker as error:
            raise WorkerKilledError(
                f"the Dask worker that had unit {unit.name} was killed (tries: {error.allowed_failures + 1}); see the "
                "workers' logs, and run it again"
            ) from error
        except ModuleNotFoundError as error:
            raise PipelineError(
                f"the Dask workers do not find the package {error.name!r}: start them in the project's "
                "environment, the same on every machine"
            ) from error
        except Exception as error:
            if isinstance(error, CancelledError) or self._client.status != "running":
                raise self._room.lost() from error
            raise
        finally:
            self._begun.pop(key, None)
            self._room.give_back(place)

    def _wait(self, future: Any) -> dict[str, Any]:
        while True:
            try:
                reply: dict[str, Any] = future.result(timeout=LOOK_SECONDS)
            except TimeoutError:
                self._room.look()
            else:
                return reply


def _carrier() -> Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]:
    """Return a function that travels as code, having no name in a module, and takes plain values only.

    A Dask worker that does not find the project thus raises what is the matter; reading a task that it cannot import,
    it would end.
    """

    def carry_unit(job: dict[str, Any], unit: dict[str, Any]) -> dict[str, Any]:
        from pipelines.engine.cluster_worker import Job, carry

        return carry(Job(**job), unit)

    return carry_unit


def _connect(address: str, name: str) -> Any:
    """Return a client of the scheduler."""
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
    except ModuleNotFoundError as error:
        raise PipelineError(
            f"units are to be worked on the Dask cluster of {address}, but the package {error.name!r} is not "
            "installed: install the project with its extra `cluster`, or leave OVERFEAT_SCHEDULER empty"
        ) from error
    try:
        get_address_host_port(address)  # a client that is given a wrong address says so only after half a minute
    except ValueError as error:
        raise PipelineError(
            f"{address!r} is no address of a Dask scheduler ({error}); one is tcp://HOST:8786"
        ) from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # pages of what our errors say in a line
    try:
        return Client(address, name=name, timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({CONNECT_SECONDS:.0f} s): start one with `dask scheduler`, or "
            "leave OVERFEAT_SCHEDULER empty to work here"
        ) from error


def _raise_error(answer: dict[str, str]) -> None:
    """Raise the error of a unit, if it had one, with the traceback of the machine it comes from."""
    if not answer:
        return
    where = f"on {answer['host']}: {answer['text']}"
    try:
        error = pickle.loads(base64.b64decode(answer["pickled"]))  # noqa: S301 - of our own process
    except Exception:
        raise RuntimeError(where) from None
    error.add_note(where)
    raise error
