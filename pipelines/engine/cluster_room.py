"""Where on a Dask cluster there is room for a unit, and whether there is a cluster at all."""

import threading
import time
from collections import Counter
from typing import Any

from pipelines.engine.errors import ClusterError

LOOK_SECONDS = 2.0


class Room:
    """The Dask workers of a scheduler and the units they have of this run. For many threads at once.

    Units wait here and not in the scheduler's queue: where one fails, none that was not begun has to be called back.
    """

    def __init__(self, client: Any, address: str, one_each: bool, patience: float) -> None:
        """Wait for the first worker.

        Args:
            client: of ``distributed``, connected.
            address: the scheduler's, for who reads an error.
            one_each: a worker has room for one unit, whatever its threads.
            patience: seconds that a cluster may be without any worker.

        Raises:
            ClusterError: if no worker came.
        """
        self._client, self._address, self._one_each, self._patience = client, address, one_each, patience
        self._changed = threading.Condition()
        self._threads: dict[str, int] = {}
        self._looked, self._seen = 0.0, time.monotonic()
        self._taken = Counter[str]()
        self._closed = False
        while not self.look():
            time.sleep(0.2)

    def look(self) -> dict[str, int]:
        """Return how many units each Dask worker may have at once, as it was some seconds ago at most.

        Raises:
            ClusterError: if the scheduler is lost, or has had no worker for long.
        """
        with self._changed:
            if self._closed or self._client.status != "running":
                raise self.lost()
            now = time.monotonic()
            if not self._threads or now - self._looked > LOOK_SECONDS:
                self._ask(now)
            return {worker: 1 if self._one_each else threads for worker, threads in self._threads.items()}

    def take(self) -> str:
        """Return the Dask worker that has most room for a unit; wait until one has any."""
        while True:
            slots = self.look()
            with self._changed:
                free = {worker: slots[worker] - self._taken[worker] for worker in slots}
                place = max(free, key=free.__getitem__, default="")
                if place and free[place] > 0:
                    self._taken[place] += 1
                    return place
                self._changed.wait(LOOK_SECONDS)

    def give_back(self, place: str) -> None:
        """Make room for another unit."""
        with self._changed:
            self._taken[place] -= 1
            self._changed.notify()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def lost(self) -> ClusterError:
        """Return the error of a cluster that is gone, or that was left."""
        if self._closed:
            return ClusterError("the run was ended before this unit was worked")
        return ClusterError(
            f"the Dask scheduler {self._address} was lost; units that are done are kept: start scheduler and workers "
            "again, and run this again"
        )

    def _ask(self, now: float) -> None:
        try:
            self._threads = dict(self._client.nthreads())
        except (AttributeError, OSError) as error:  # the client loses its line at this moment
            raise self.lost() from error
        self._looked = now
        if self._threads:
            self._seen = now
        elif now - self._seen > self._patience:
            raise ClusterError(
                f"the Dask scheduler {self._address} has had no worker for {self._patience:.0f} s: start some with "
                f"`dask worker {self._address}`, and run this again"
            )
