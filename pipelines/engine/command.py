"""The command line ``python -m pipelines``: a stage's name, or another command."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from overfeat.atomic import write_text
from overfeat.errors import OverFeatError, SettingsError, did_you_mean
from pipelines.engine.console import say
from pipelines.engine.current import Current, set_current
from pipelines.engine.errors import WorkerKilledError
from pipelines.engine.graph import read_graph
from pipelines.engine.handover import HAND_OVER, hand_over
from pipelines.engine.locks import WORK, stage_lock
from pipelines.engine.processes import watch_ancestors
from pipelines.engine.settings import PARAMS_FILE

USER_ERROR = 2
"""Exit code: the user's settings or data must be mended; trying again gives the same."""
UNITS_MISSING = 75
"""Exit code: asked to seal only, and units are missing (EX_TEMPFAIL)."""
SEAL_ONLY = "OVERFEAT_SEAL_ONLY"
MISSING_FILE = "missing.json"
_INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; what a person can mend is one sentence on stderr."""
    debug = "--debug" in arguments or os.environ.get("OVERFEAT_DEBUG") == "1"
    words = [word for word in arguments if word != "--debug"]
    try:
        return _dispatch(words)
    except (OverFeatError, WorkerKilledError) as error:
        if debug:
            traceback.print_exc()
        say(" ".join(str(error).split("\n")))
        return USER_ERROR if isinstance(error, OverFeatError) else 1
    except KeyboardInterrupt:
        say("interrupted; the units that are done are kept, the same command goes on from them")
        return _INTERRUPTED


def _dispatch(words: list[str]) -> int:
    root = Path.cwd()
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(_usage() + "\n")
        return 0 if words else USER_ERROR
    name, rest = words[0], words[1:]
    if name in COMMANDS:
        return COMMANDS[name](root, rest)
    known = read_graph(root)
    if name not in known:
        raise SettingsError(f"no stage or command {name!r}{did_you_mean(name, [*known, *COMMANDS])}")
    if rest:
        raise SettingsError(f"stage {name} takes no {rest[0]!r}: settings go through `configure` or params.yaml")
    return run_stage(root, name, _others())


def _others() -> Callable[[str], bool] | None:
    """Return how a stage's missing units come to be worked by others; None where this process works them."""
    if address := os.environ.get(HAND_OVER):
        return partial(hand_over, address)
    return (lambda _stage: False) if os.environ.get(SEAL_ONLY) == "1" else None


def run_stage(root: Path, name: str, others: Callable[[str], bool] | None = None) -> int:
    """Work what is missing of the stage ``name`` and seal it.

    Args:
        root: the project's root folder, which is the current one.
        name: a stage of ``dvc.yaml``.
        others: called with the stage's name where units are missing, instead of working them here, with the plan of
            those in ``.work/STAGE/missing.json``; returns whether they are worked by then.

    Returns:
        0, or ``UNITS_MISSING``.
    """
    from pipelines.engine.plan import make_plan
    from pipelines.engine.runner import work_all
    from pipelines.engine.seal import seal
    from pipelines.engine.workspace import Workspace

    set_current(Current(name, "", root))
    if "DVC_STAGE" in os.environ:  # a killed DVC would leave this process writing, and its next run start a second
        watch_ancestors()
    with stage_lock(root, name):
        plan = make_plan(root, name)
        workspace = Workspace(root, name, plan.key)
        workspace.start(plan)
        missing, note = workspace.missing(plan), root / WORK / name / MISSING_FILE
        if missing and others:
            write_text(note, plan.only(missing).dumps())
            if not others(name):
                return UNITS_MISSING
        elif missing:
            work_all(root, plan, missing)
        note.unlink(missing_ok=True)
        seal(root, plan)
    return 0


def _configure(root: Path, choices: list[str]) -> int:
    from pipelines.engine.configure import PROFILE, configure

    first = not (root / PARAMS_FILE).exists()
    changes = configure(root, choices)
    if not any(choice.startswith(f"{PROFILE}=") for choice in choices):
        say("no profile was named: everything not set here is as the default profile in conf/config.yaml has it")
    if first:
        say("params.yaml is written")
    else:
        say("\n  ".join(["params.yaml is written:", *changes]) if changes else "params.yaml is so already")
    return 0


def _list(root: Path, words: list[str]) -> int:
    for name, entry in read_graph(root).items():
        sys.stdout.write(f"{name}: {', '.join(entry.outs)}\n")
    return 0


def _clean(root: Path, words: list[str]) -> int:
    from pipelines.engine.workspace import drop_sealed

    drop_sealed(root, list(read_graph(root)))
    return 0


def _summary(root: Path, words: list[str]) -> int:
    from pipelines.summary import summary

    sys.stdout.write(summary(root) + "\n")
    return 0


COMMANDS: dict[str, Callable[[Path, list[str]], int]] = {
    "configure": _configure,
    "list": _list,
    "summary": _summary,
    "clean": _clean,
}
"""Commands beside the stages: each takes the root folder and the words after its name."""


def _usage() -> str:
    return (
        "python -m pipelines STAGE              work and seal one stage, as `dvc repro` does\n"
        "python -m pipelines configure [profile=NAME] [SETTING=VALUE ...]   write params.yaml\n"
        "python -m pipelines list               the stages and their outs\n"
        "python -m pipelines clean              delete units in .work whose stage is sealed\n"
        "--debug shows the traceback of an error"
    )
