"""The worked units become the stage's outs: all or nothing, and only if nothing changed since the plan was made."""

import shutil
from pathlib import Path

from overfeat.atomic import sync, sync_tree
from pipelines.engine.current import Current, set_current
from pipelines.engine.errors import PipelineError
from pipelines.engine.fingerprint import differences
from pipelines.engine.plan import Plan, look
from pipelines.engine.workspace import Workspace


def seal(root: Path, plan: Plan) -> None:
    """Write the outs of ``plan``, whose units are all worked, and put them in their place.

    Raises:
        PipelineError: if a unit is missing, or settings, inputs or code are not what the units were worked with.
        RuntimeError: if the stage does not write exactly the outs that ``dvc.yaml`` declares.
    """
    set_current(Current(plan.stage, plan.key, root))
    workspace = Workspace(root, plan.stage, plan.key)
    if missing := workspace.missing(plan):
        raise PipelineError(f"unit {missing[0].name} is not worked ({len(missing)} are missing): run the stage again")
    staging = workspace.folder / "out"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    plan.built.finish([workspace.done(unit) for unit in plan.units], staging)
    entry, _, inputs = look(root, plan.stage)
    if changed := differences(plan.inputs, inputs):
        raise PipelineError(
            f"{', '.join(changed)} changed while the stage ran, so nothing is recorded; run it again to work it anew"
        )
    _check_outs(plan.stage, staging, entry.outs)
    sync_tree(staging)
    _place(root, staging, workspace.folder / "replaced", entry.outs)
    workspace.mark_sealed()
    workspace.drop_others()


def _check_outs(stage: str, staging: Path, outs: tuple[str, ...]) -> None:
    """Raise RuntimeError unless ``staging`` holds every declared out and no file beside them."""
    for out in outs:
        if not (staging / out).exists():
            raise RuntimeError(f"stage {stage} did not write {out}, which dvc.yaml declares")
    for file in staging.rglob("*"):
        if file.is_file() and not any(file.is_relative_to(staging / out) for out in outs):
            raise RuntimeError(f"stage {stage} wrote {file.relative_to(staging)}, which dvc.yaml does not declare")


def _place(root: Path, staging: Path, replaced: Path, outs: tuple[str, ...]) -> None:
    """Rename each out into its place; what was there goes aside first and is deleted at the end."""
    shutil.rmtree(replaced, ignore_errors=True)
    for out in outs:
        target, aside = root / out, replaced / out
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            if target.exists() or target.is_symlink():
                target.rename(aside)
            (staging / out).rename(target)
        except OSError as error:
            raise PipelineError(
                f"{out} cannot be put in its place ({error.strerror}); its folder and .work must be writable and on "
                "the same file system"
            ) from error
        sync(target.parent)
    shutil.rmtree(replaced, ignore_errors=True)
    shutil.rmtree(staging, ignore_errors=True)
