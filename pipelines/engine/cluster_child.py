"""``python -m pipelines.engine.cluster_child STAGE KEY PARENT``: works units of one KEY for a Dask worker.

A Dask worker keeps what it imported, also after the code was edited. So it works no unit itself: this process does, in
the project's root and only for one KEY. Each line on stdin is a unit as JSON; each is answered by a line on stdout.
"""

import base64
import json
import os
import pickle
import select
import signal
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import TextIO

from pipelines.engine.errors import PipelineError, not_shared
from pipelines.engine.fingerprint import differences
from pipelines.engine.graph import read_graph
from pipelines.engine.plan import Plan, look
from pipelines.engine.pool import work_unit
from pipelines.engine.processes import watch
from pipelines.engine.stage import Unit
from pipelines.engine.workspace import Workspace

IDLE_SECONDS = 5.0
"""How long this process, and what it keeps in memory, waits for another unit."""


def main(stage: str, key: str, parent: int) -> None:
    """Work the units of ``key`` until none comes for a while, or the process ``parent`` is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the Dask worker's terminal: it ends, and this with it
    watch(lambda: os.getppid() == parent)
    requests, answers = _take_pipes()
    while select.select([requests], [], [], IDLE_SECONDS)[0]:
        line = requests.readline()
        if not line:
            return
        answers.write(json.dumps(_answer(Path.cwd(), stage, key, Unit(**json.loads(line)))) + "\n")
        answers.flush()


def _take_pipes() -> tuple[TextIO, TextIO]:
    """Return stdin and stdout for requests and answers alone: what a stage prints goes to stderr."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _answer(root: Path, stage: str, key: str, unit: Unit) -> dict[str, str]:
    """Work the unit and return nothing, or the error: pickled, and as text with its traceback."""
    try:
        work_unit(root, _true_plan(root, stage, key), unit)
    except Exception as error:
        try:
            pickled = base64.b64encode(pickle.dumps(error)).decode()
        except Exception:  # an error with, say, an open file in it: its text is left
            pickled = ""
        return {"pickled": pickled, "text": traceback.format_exc(), "host": os.uname().nodename}
    return {}


@cache
def _true_plan(root: Path, stage: str, key: str) -> Plan:
    """Return the plan, if settings, inputs and code are here, too, what its KEY says.

    Raises:
        PipelineError: if they are not, or the plan is not there.
    """
    path, host = Workspace(root, stage, key).folder / "plan.json", os.uname().nodename
    if not path.is_file():
        raise not_shared(path)
    plan = Workspace(root, stage, key).read_plan()
    if stage in read_graph(root) and (changed := differences(plan.inputs, look(root, stage)[2])):
        raise PipelineError(
            f"{', '.join(changed)} on machine {host} is not what this run was planned with, so nothing is worked "
            "there: if nobody edited it meanwhile, that machine sees another checkout or an old state of it"
        )
    return plan


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
