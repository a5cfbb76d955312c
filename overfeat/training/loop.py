"""The one training loop: epochs, checkpoints, curves, and going on where a killed run stopped.

What is trained is a :class:`Task`: the classifier, the localizer. After every epoch the whole state (weights,
momentum, curves) is written at once, and every epoch begins from a generator seeded by (seed, epoch), so that on a
CPU a run that was killed ends bit for bit where an undisturbed one ends. Several processes may train one task
(:mod:`overfeat.training.ranks`): all do the same steps and know the same measures, and the first alone writes.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from overfeat.atomic import write_text
from overfeat.errors import TrainingError
from overfeat.models.checkpoints import load_state, save_state
from overfeat.training.ranks import Ranks, Sums

Batch = tuple[Tensor, ...]


class Task(Protocol):
    """What differs between the things that are trained."""

    seed: int

    @property
    def ranks(self) -> Ranks:
        """The processes that train it, each by a task of its own."""

    @property
    def net(self) -> nn.Module:
        """What is trained, and moved to the device."""

    @property
    def epochs(self) -> int:
        """Passes over the pictures."""

    def optimizer(self) -> torch.optim.Optimizer:
        """Return the optimiser of the weights that are trained; all others stay as they are."""

    def learning_rate(self, epochs_done: float) -> float:
        """Return the learning rate at this point of the schedule."""

    @property
    def clip_norm(self) -> float | None:
        """Length to which longer gradients are cut, or None."""

    def steps(self) -> int:
        """Return the minibatches of an epoch, for the schedule and the progress."""

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the minibatches of an epoch, or this rank's part of each, on the CPU."""

    def loss(self, batch: Batch) -> Tensor:
        """Return the scalar loss of a minibatch that is on the device; of a part, times its share of the minibatch."""

    def validate(self) -> dict[str, float]:
        """Return measures on the validation pictures, if there are any; "validation_error" decides which is best.

        They are of all pictures, and the same for every rank.
        """

    def save(self, path: Path, history: dict[str, Any]) -> None:
        """Write what is trained as a checkpoint."""


@dataclass
class Progress:
    """The state of a run between two epochs."""

    epoch: int = 0
    best_error: float = float("inf")
    curves: list[dict[str, float]] = field(default_factory=list)


def fit(task: Task, folder: Path, device: torch.device, report: Callable[[str], None], history: dict[str, Any]) -> None:
    """Train, leaving ``last.pt``, ``best.pt`` and ``curves.csv`` in ``folder``.

    Args:
        task: what to train; its net is moved to ``device``.
        folder: if it holds the state of an earlier, killed call, training goes on from there; if that call had
            ended, nothing is done.
        device: "cpu" or a CUDA device, where bfloat16 mixed precision and channels-last are used.
        report: takes one line an epoch, of the first rank.
        history: plain values kept in the checkpoints.

    Raises:
        TrainingError: at a loss that is not finite; the state of the last whole epoch stays in ``folder``. Or if not
            all ranks find the same state there.
    """
    if has_ended(folder):
        return
    first = task.ranks.first
    net = task.net.to(device).to(memory_format=torch.channels_last)
    optimizer = task.optimizer()
    progress = _resume(folder / "state.pt", net, optimizer)
    _check_same(task.ranks, progress.epoch, folder, device)
    if progress.epoch and first:
        report(f"going on after epoch {progress.epoch}")
    while progress.epoch < task.epochs:
        started = time.monotonic()
        torch.manual_seed(task.seed * 1_000_003 + progress.epoch + (task.ranks.rank << 40))  # dropout of its own
        loss = _run_epoch(task, optimizer, progress.epoch, device)
        net.eval()
        measures = task.validate()
        _check_finite(
            torch.tensor(list(measures.values())), progress.epoch
        )  # the last step may have spoilt the weights
        is_best = _advance(progress, task, loss, measures)
        if first:
            if is_best:
                task.save(folder / "best.pt", {**history, "epoch": progress.epoch})
            write_text(folder / "curves.csv", pd.DataFrame(progress.curves).to_csv(index=False))
            save_state(
                folder / "state.pt",
                {"weights": net.state_dict(), "optimizer": optimizer.state_dict(), "progress": vars(progress)},
            )
            report(_line(progress, task.epochs, time.monotonic() - started))
    if first:
        task.save(folder / "last.pt", {**history, "epoch": progress.epoch})
        (folder / "state.pt").unlink(missing_ok=True)
    task.ranks.added_up([0.0], device)  # all wait for the files of the first


def has_ended(folder: Path) -> bool:
    """Say whether a training in this folder came to its end."""
    return (folder / "last.pt").exists() and not (folder / "state.pt").exists()


def _resume(state_file: Path, net: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Put the state of a killed run back, if there is one."""
    if not state_file.exists():
        return Progress()
    state = load_state(state_file)
    net.load_state_dict(state["weights"])
    optimizer.load_state_dict(state["optimizer"])
    return Progress(**state["progress"])


def _check_same(ranks: Ranks, epoch: int, folder: Path, device: torch.device) -> None:
    """Raise TrainingError unless all ranks begin after the same epoch; none writes before all have read the state."""
    (total,) = ranks.added_up([epoch], device)
    if total != epoch * ranks.size:
        raise TrainingError(
            f"the {ranks.size} processes of this training do not see the same state in {folder}: it must be one "
            "folder, on a file system that all their machines share"
        )


def _advance(progress: Progress, task: Task, loss: float, measures: dict[str, float]) -> bool:
    """Put a trained epoch down, and say whether it is the best until now."""
    progress.epoch += 1
    rate = task.learning_rate(progress.epoch)
    progress.curves.append({"epoch": progress.epoch, "learning_rate": rate, "train_loss": loss, **measures})
    error = measures.get("validation_error", -progress.epoch)  # where nothing can be measured the last is best
    is_best = error < progress.best_error
    progress.best_error = min(error, progress.best_error)
    return is_best


def _run_epoch(task: Task, optimizer: torch.optim.Optimizer, epoch: int, device: torch.device) -> float:
    """Train one epoch and return its mean loss."""
    task.net.train()
    steps = task.steps()
    total = torch.zeros((), device=device)
    count = 0
    with _bar(task, epoch, steps) as bar, Sums(task.ranks, task.net.parameters()) as sums:
        for step, batch in enumerate(task.batches(epoch)):
            for group in optimizer.param_groups:
                group["lr"] = task.learning_rate(epoch + step / steps)
            total += _step(task, optimizer, batch, sums, device)
            count += 1
            bar.update()
            if device.type == "cpu" or step % 50 == 0:  # reading it makes a GPU wait
                _check_finite(total, epoch)
    _check_finite(total, epoch)
    return float(total) / max(count, 1)


def _bar(task: Task, epoch: int, steps: int) -> "tqdm[Any]":
    """Return a bar of the epoch's steps, on a terminal; their number may be a little off."""
    hidden = None if task.ranks.first else True  # None: where stderr is no terminal
    return tqdm(total=steps, desc=f"epoch {epoch + 1}/{task.epochs}", unit="step", leave=False, disable=hidden)


def _step(task: Task, optimizer: torch.optim.Optimizer, batch: Batch, sums: Sums, device: torch.device) -> Tensor:
    """Take one step and return the loss of the whole minibatch."""
    on_device = tuple(part.to(device, non_blocking=True) for part in batch)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        part = task.loss(on_device)
    optimizer.zero_grad(set_to_none=True)
    loss = sums.of(part.detach())
    part.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
    sums.wait()
    if task.clip_norm is not None:
        nn.utils.clip_grad_norm_(task.net.parameters(), task.clip_norm)
    optimizer.step()
    return loss


def _check_finite(values: Tensor, epoch: int) -> None:
    if not torch.isfinite(values).all():
        kept = f"the state after epoch {epoch} is kept" if epoch else "no epoch was finished"
        raise TrainingError(
            f"the loss is not finite in epoch {epoch + 1}; {kept}; lower the learning rate and train again"
        )


def _line(progress: Progress, epochs: int, seconds: float) -> str:
    last = progress.curves[-1]
    measures = "  ".join(f"{name} {last[name]:.4g}" for name in last if name not in ("epoch", "learning_rate"))
    left = seconds * (epochs - progress.epoch)
    return f"epoch {progress.epoch}/{epochs}  {measures}  {seconds:.1f} s, about {left / 60:.1f} min left"
