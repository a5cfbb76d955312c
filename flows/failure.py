"""What went wrong, for who looks at Prefect: one line in the log, and an artifact that says what to do next.

The hooks run in the flow's process where that can still speak; in the worker's where the process was killed or
cancelled. There nothing is known but what the server and the project's folder hold.
"""

import traceback
from pathlib import Path
from typing import Any

from prefect import Flow, State
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.logging.loggers import flow_run_logger
from prefect.states import Cancelled, Crashed

from flows.infrastructure import INFRASTRUCTURE
from overfeat.errors import OverFeatError
from pipelines.engine.command import MISSING_FILE
from pipelines.engine.locks import WORK
from pipelines.engine.plan import Plan
from pipelines.engine.workspace import Workspace

_TAIL_LINES = 30
_AGAIN = "Run it again: it goes on from what is done."


def explain(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Say which stage it was, why, and what to do next; a hook for failed, crashed and cancelled runs."""
    with get_client(sync_client=True) as client:
        stage_run = _unfinished(client, flow_run)
        if stage_run and not state.is_failed():
            _end(client, stage_run, state)
        line, text = describe(state, stage_run.name if stage_run else None, _kept(stage_run))
        logger = flow_run_logger(flow_run, flow)
        (logger.warning if state.is_cancelling() or state.is_cancelled() else logger.error)(line)
        client.create_artifact(
            ArtifactCreate(
                key="failure", type="markdown", data=text, description=line, flow_run_id=flow_run.id, task_run_id=None
            )
        )


on_failure: dict[str, Any] = {"on_failure": [explain], "on_crashed": [explain], "on_cancellation": [explain]}
"""Arguments of a flow."""


def describe(state: State[Any], stage: str | None, kept: int | None) -> tuple[str, str]:
    """Return a line, and markdown, about a run that ended in ``state``.

    Args:
        state: failed, crashed, cancelling or cancelled.
        stage: at which it ended, if at one.
        kept: units of the stage that are done, if that is known.
    """
    where = f"stage {stage}" if stage else "the flow, at no stage,"
    units = f" {kept} units of stage {stage} are kept." if stage and kept is not None else ""
    error = state.result(raise_on_failure=False) if state.is_failed() else None
    said = _one_line(str(error) if isinstance(error, (OverFeatError, *INFRASTRUCTURE)) else state.message or "")
    if state.is_cancelling() or state.is_cancelled():
        return _compose("cancelled", where, said, _AGAIN + units)
    if state.is_crashed():
        return _compose("crashed", where, said, f"{_AGAIN}{units} If it crashes again, look for what ends processes.")
    if isinstance(error, OverFeatError):
        return _compose("failed", where, said, "Mend what the sentence names, and run it again." + units)
    if isinstance(error, INFRASTRUCTURE):
        return _compose("failed", where, said, _AGAIN + units)
    end = "".join(traceback.format_exception(error)) if isinstance(error, BaseException) else said
    tail = "\n".join(end.rstrip().splitlines()[-_TAIL_LINES:])
    line, text = _compose("failed", where, said, "This is a bug: report it with the lines below." + units)
    return line, f"{text}\n```\n{tail}\n```\n"


def _compose(how: str, where: str, said: str, what_next: str) -> tuple[str, str]:
    head = f"{where} {how}"
    text = f"# {head[0].upper()}{head[1:]}\n\n{said}\n\n**What to do next.** {what_next}\n"
    return f"{head}: {said} {what_next}", text


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."


def _unfinished(client: SyncPrefectClient, flow_run: FlowRun) -> FlowRun | None:
    """Return the run of the stage that is not completed: stages go one after another, so it is the last begun."""
    of_this = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run.id]))
    runs = client.read_flow_runs(flow_run_filter=of_this, sort=FlowRunSort.START_TIME_DESC, limit=1)
    return next((run for run in runs if not (run.state and run.state.is_completed())), None)


def _end(client: SyncPrefectClient, stage_run: FlowRun, state: State[Any]) -> None:
    """Give the stage's run an end: a killed process has left it running for ever."""
    if stage_run.state and stage_run.state.is_final():
        return
    ended: State[Any] = Crashed(message=state.message) if state.is_crashed() else Cancelled(message=state.message)
    client.set_flow_run_state(stage_run.id, ended, force=True)


def _kept(stage_run: FlowRun | None) -> int | None:
    """Return how many units of the stage are done, if its folder is on this machine and it has begun to work."""
    try:
        root, stage = Path(stage_run.parameters["root"]), stage_run.parameters["stage"]  # type: ignore[union-attr]
        missing = Plan.loads((root / WORK / stage / MISSING_FILE).read_text(encoding="utf-8"))
        workspace = Workspace(root, stage, missing.key)
        plan = workspace.read_plan()
    except (AttributeError, KeyError, FileNotFoundError):
        return None
    return len(plan.units) - len(workspace.missing(plan))
