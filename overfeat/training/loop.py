"""The one training loop: epochs, checkpoints, curves, and going on where a killed run stopped.

What is trained is a :class:`Task`: the classifier, the localizer. After every epoch the whole state (weights,
momentum, curves) is written at once, and every epoch begins from a generator seeded by (seed, epoch), so that on a
CPU a run that was killed ends bit for bit where an undisturbed one ends.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor, nn

from overfeat.atomic import write_text
from overfeat.errors import TrainingError
from overfeat.models.checkpoints import load_state, save_state

Batch = tuple[Tensor, ...]


class Task(Protocol):
    """What differs between the things that are trained."""

    seed: int

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
        """Yield the minibatches of an epoch, on the CPU."""

    def loss(self, batch: Batch) -> Tensor:
        """Return the scalar loss of a minibatch that is on the device."""

    def validate(self) -> dict[str, float]:
        """Return measures on the validation pictures, if there are any; "validation_error" decides which is best."""

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
        report: takes one line an epoch.
        history: plain values kept in the checkpoints.

    Raises:
        TrainingError: at a loss that is not finite; the state of the last whole epoch stays in ``folder``.
    """
    if has_ended(folder):
        return
    net = task.net.to(device).to(memory_format=torch.channels_last)
    optimizer = task.optimizer()
    progress = _resume(folder / "state.pt", net, optimizer)
    if progress.epoch:
        report(f"going on after epoch {progress.epoch}")
    while progress.epoch < task.epochs:
        started = time.monotonic()
        torch.manual_seed(task.seed * 1_000_003 + progress.epoch)
        loss = _run_epoch(task, optimizer, progress.epoch, device)
        net.eval()
        measures = task.validate()
        _check_finite(
            torch.tensor(list(measures.values())), progress.epoch
        )  # the last step may have spoilt the weights
        progress.epoch += 1
        rate = task.learning_rate(progress.epoch)
        progress.curves.append({"epoch": progress.epoch, "learning_rate": rate, "train_loss": loss, **measures})
        error = measures.get("validation_error", -progress.epoch)  # where nothing can be measured the last is best
        if error < progress.best_error:
            progress.best_error = error
            task.save(folder / "best.pt", {**history, "epoch": progress.epoch})
        write_text(folder / "curves.csv", pd.DataFrame(progress.curves).to_csv(index=False))
        save_state(
            folder / "state.pt",
            {"weights": net.state_dict(), "optimizer": optimizer.state_dict(), "progress": vars(progress)},
        )
        report(_line(progress, task.epochs, time.monotonic() - started))
    task.save(folder / "last.pt", {**history, "epoch": progress.epoch})
    (folder / "state.pt").unlink(missing_ok=True)


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


def _run_epoch(task: Task, optimizer: torch.optim.Optimizer, epoch: int, device: torch.device) -> float:
    """Train one epoch and return its mean loss."""
    task.net.train()
    steps = task.steps()
    total = torch.zeros((), device=device)
    count = 0
    for step, batch in enumerate(task.batches(epoch)):
        for group in optimizer.param_groups:
            group["lr"] = task.learning_rate(epoch + step / steps)
        on_device = tuple(part.to(device, non_blocking=True) for part in batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = task.loss(on_device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        if task.clip_norm is not None:
            nn.utils.clip_grad_norm_(task.net.parameters(), task.clip_norm)
        optimizer.step()
        total += loss.detach()
        count += 1
        if device.type == "cpu" or step % 50 == 0:  # reading it makes a GPU wait
            _check_finite(total, epoch)
    _check_finite(total, epoch)
    return float(total) / max(count, 1)


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
