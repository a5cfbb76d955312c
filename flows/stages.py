"""All stages with one call of DVC, which says what each needs; each is a flow of its own."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from prefect import get_run_logger

from flows.dvc_calls import DvcBusyError
from flows.dvc_repro import dvc_repro
from flows.infrastructure import BUSY_RETRIES, FIRST_DELAY_SECONDS
from flows.stage_flow import make_stage, pass_stage


@dataclass(frozen=True)
class Made:
    """What was done for a stage, and how long it took since the one before was done."""

    done: str
    seconds: float


def make_stages(root: Path, names: Sequence[str], scheduler: str | None) -> dict[str, Made]:
    """Bring stages up to date, inside the flow that calls this; what is done stays where a later one fails.

    Args:
        root: the project's root folder.
        names: of the stages, with all that they need.
        scheduler: address of a Dask scheduler, or None.

    Raises:
        DvcBusyError: if another run is at one of them, however often it was tried.
        Exception: what a stage failed with.
    """
    made: dict[str, Made] = {}
    for tries in count():
        try:
            _make(root, names, scheduler, made)
            break
        except DvcBusyError as error:
            if tries == BUSY_RETRIES:
                raise
            wait = FIRST_DELAY_SECONDS * 2**tries
            get_run_logger().warning("%s; tried again in %g s", error, wait)
            time.sleep(wait)
    return made


def _make(root: Path, names: Sequence[str], scheduler: str | None, made: dict[str, Made]) -> None:
    """Make the stages that are not ``made`` yet, and add them to these."""
    started = time.monotonic()

    def add(stage: str, done: str) -> None:
        nonlocal started
        ended = time.monotonic()
        made[stage] = Made(done, ended - started)
        started = ended

    with dvc_repro(root, names, _tell) as run:
        reached = run.go_on()
        while True:
            for stage in names:
                if stage in run.passed and stage not in made and stage != reached.stage:
                    add(stage, pass_stage(root, stage, run.passed[stage]))
            if reached.stage is None:
                break
            stage = reached.stage
            done, reached = make_stage(root, reached, run, scheduler)
            add(stage, done)
    if reached.error:
        raise reached.error


def _tell(line: str) -> None:
    """Log what DVC or a stage says in the run, of a flow or a task, that waits for it."""
    logger = get_run_logger()
    (logger.info if line.startswith("overfeat: ") else logger.debug)(line)
