"""Several processes that train one net: what each knows of the others, and how their gradients are added up.

Each process (a rank of a torch.distributed group, one a GPU) takes its part of every minibatch. A part's loss is
weighted by its share of the minibatch, so that the sum over ranks is the loss of the whole minibatch, and the sum of
gradients its gradient. All ranks then take the same step. A process alone is a group of one, in which nothing is sent.
"""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import PrefixStore, rendezvous  # type: ignore[attr-defined]  # documented, not re-exported

from overfeat.devices import choose_device
from overfeat.errors import SettingsError

_joined = itertools.count()


@dataclass(frozen=True)
class Ranks:
    """The group as one of its processes sees it.

    Attributes:
        rank: number of this process, from 0.
        size: processes in the group.
        local_rank: number of this process among those of its machine, which is that of its GPU.
        local_size: processes on this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @classmethod
    def of_torchrun(cls) -> "Ranks":
        """Return the group that torchrun has described in the environment; without it, this process alone."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        if any(name not in os.environ for name in names):
            return ALONE
        return cls(*(int(os.environ[name]) for name in names))

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and reports."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """Return this process's device for a setting "auto", "cpu" or "cuda".

        Raises:
            SettingsError: if it is not there.
        """
        device = choose_device(name)
        if self.size == 1 or device.type == "cpu":
            return device
        if self.local_rank >= torch.cuda.device_count():
            raise SettingsError(
                f"{self.local_size} processes train on this machine, and torch finds {torch.cuda.device_count()} CUDA "
                "devices here, one for each process: start fewer"
            )
        return torch.device(device.type, self.local_rank)

    @contextlib.contextmanager
    def joined(self, device: torch.device) -> Iterator[None]:
        """Join the group for the length of the block: by NCCL on CUDA, by gloo else."""
        if self.size == 1:
            yield
            return
        meeting, _, _ = next(rendezvous("env://", self.rank, self.size))
        store = PrefixStore(f"training-{next(_joined)}", meeting)  # the addresses of an earlier group lead nowhere
        if device.type == "cuda":
            torch.cuda.set_device(device)
            dist.init_process_group("nccl", store=store, rank=self.rank, world_size=self.size, device_id=device)
        else:
            dist.init_process_group("gloo", store=store, rank=self.rank, world_size=self.size)
        yield
        dist.destroy_process_group()  # not after an error: it could wait for what the others will never send

    def added_up(self, values: Sequence[float], device: torch.device) -> list[float]:
        """Return each number's sum over the ranks; no rank goes on before all have called."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(tensor)
        return [float(value) for value in tensor.tolist()]


def _watch(weight: nn.Parameter, ready: Callable[[Tensor], None]) -> torch.utils.hooks.RemovableHandle:
    handle = weight.register_post_accumulate_grad_hook(ready)  # type: ignore[no-untyped-call]  # torch has no type
    assert isinstance(handle, torch.utils.hooks.RemovableHandle)
    return handle


ALONE = Ranks()
"""A process that trains by itself."""


class Sums:
    """Adds up gradients over the ranks, each as soon as the backward pass has it, while the pass goes on.

    OverFeat has few and large weights, so each travels by itself. All ranks have the same net and send in the same
    order, that of their backward passes.
    """

    def __init__(self, ranks: Ranks, weights: Iterable[nn.Parameter]) -> None:
        self._alone = ranks.size == 1
        self._weights = [weight for weight in weights if weight.requires_grad]
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        self._sent: list[dist.Work] = []

    def __enter__(self) -> "Sums":
        """Watch the weights."""
        if not self._alone:
            self._hooks = [_watch(weight, self._ready) for weight in self._weights]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the weights as they were."""
        for hook in self._hooks:
            hook.remove()

    def _ready(self, weight: Tensor) -> None:
        assert weight.grad is not None
        self._send(weight.grad)

    def _send(self, tensor: Tensor) -> None:
        work = dist.all_reduce(tensor, async_op=True)
        assert work is not None
        self._sent.append(work)

    def of(self, value: Tensor) -> Tensor:
        """Return a tensor that is the sum of every rank's ``value`` after :meth:`wait`; ``value`` stays as it is."""
        if self._alone:
            return value
        total = value.clone()
        self._send(total)
        return total

    def wait(self) -> None:
        """Wait until all that was sent is added up."""
        for work in self._sent:
            work.wait()
        self._sent.clear()
