"""One stage as a flow of its own: the missing units are worked, and DVC seals them and goes on to the next stage."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.artifacts import publish_stage
from flows.dvc_repro import UNCHANGED, DvcRepro, Reached
from flows.infrastructure import SENTENCES, mendable, result_of
from flows.units import work_units
from pipelines.engine.graph import read_graph


def make_stage(root: Path, reached: Reached, run: DvcRepro, scheduler: str | None) -> tuple[str, Reached]:
    """Bring the stage that DVC has reached up to date, as a flow named like it, inside the flow that calls this.

    Args:
        root: the project's root folder.
        reached: a stage, with its missing units or what it failed with.
        run: the call of DVC, in which the stage waits.
        scheduler: address of a Dask scheduler, or None.

    Returns:
        What was done, and what DVC reached after.

    Raises:
        Exception: what the stage failed with.
    """

    def make(stage: str) -> tuple[str, Reached]:
        if reached.error:
            raise reached.error
        assert reached.plan
        worked = work_units(root, reached.plan, scheduler, lock=False)  # the stage's own process holds it
        after = _seal(stage, run)
        return _show(root, stage, f"{worked} units worked"), after

    return cast(tuple[str, Reached], _as_flow(root, str(reached.stage), scheduler, make))


def pass_stage(root: Path, stage: str, done: str) -> str:
    """Show a stage that had nothing to work: as a flow, too, if its outs are others now; return what was done.

    Prefect lets no flow end within a second, which is too long for each stage that is as it was.
    """
    if done == UNCHANGED:
        get_run_logger().info("%s: %s", stage, done)
        return done
    return str(_as_flow(root, stage, None, lambda name: _show(root, name, done)))


def _as_flow(root: Path, stage: str, scheduler: str | None, make: Callable[[str], Any]) -> Any:
    """Call ``make(stage)`` in a flow named like the stage. Raises what it does."""

    @flow(name=stage, flow_run_name=stage, persist_result=False)
    def of_stage(root: str, stage: str, scheduler: str | None) -> Any:
        try:
            return make(stage)
        except SENTENCES as error:
            return mendable(error)

    return result_of(of_stage, str(root), stage, scheduler)


def _show(root: Path, stage: str, done: str) -> str:
    get_run_logger().info("%s: %s", stage, done)
    publish_stage(root, read_graph(root)[stage])
    return done


def _seal(stage: str, run: DvcRepro) -> Reached:
    """Let the stage seal its units, as a task; what a later stage fails with is that one's."""

    @task(name=f"{stage}-seal", task_run_name="seal", cache_policy=NO_CACHE)
    def seal() -> Any:
        after = run.go_on()
        if after.error is None or after.stage not in (stage, None):
            return after
        if isinstance(after.error, SENTENCES):
            return mendable(after.error)
        raise after.error

    return cast(Reached, result_of(seal))
