"""How far a stage is, as a progress artifact that moves while its units are worked."""

import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from prefect import get_run_logger
from prefect.artifacts import ProgressArtifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate

from flows.artifacts import artifact_key
from pipelines.engine.plan import Plan
from pipelines.engine.shares import read_shares

LOOK_SECONDS = 3.0
"""Between two looks at how far the units are; the server is told only of what changed."""
_LAST_WORD_SECONDS = 10.0


class StageProgress:
    """The artifact ``progress-STAGE``, from 0 to 100 %, for the length of a ``with`` block.

    A thread of its own tells the server, so that nobody who works waits for it, and a server that does not answer
    stops nothing.
    """

    def __init__(self, root: Path, plan: Plan, units: Iterable[str]) -> None:
        self._root, self._plan, self._left = root, plan, set(units)
        self._total = len(self._left)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"progress-{plan.stage}", daemon=True)
        self._told = 0.0

    def __enter__(self) -> "StageProgress":
        """Make the artifact."""
        self._logger = get_run_logger()
        text = f"Of {self._total} missing units of stage `{self._plan.stage}`"
        key = artifact_key("progress", self._plan.stage)
        made: Any = ProgressArtifact(progress=0.0, key=key, description=text).create()
        self._artifact = made.id
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell the last state of things, unless an interrupt ends the block."""
        self._ended.set()
        if kind is None or issubclass(kind, Exception):
            self._thread.join(_LAST_WORD_SECONDS)

    def worked(self, unit: str) -> None:
        """Count a unit as done; may be called from any thread."""
        self._left.discard(unit)

    def percent(self) -> float:
        """Return how much is done: whole units, and the shares that those at work have said."""
        left = list(self._left)
        shares = read_shares(self._root, self._plan.stage, self._plan.key, left)
        return 100.0 * (self._total - len(left) + sum(shares.values())) / max(1, self._total)

    def _follow(self) -> None:
        with get_client(sync_client=True) as client:
            while True:
                last = self._ended.wait(LOOK_SECONDS)
                if (percent := round(self.percent(), 1)) != self._told:
                    try:
                        client.update_artifact(self._artifact, ArtifactUpdate(data=percent))
                        self._told = percent
                    except httpx.HTTPError as error:
                        self._logger.debug("the server was not told of %s %%: %s", percent, error)
                if last:
                    return
