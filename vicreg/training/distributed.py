"""Train one run with several processes.

torchrun starts one process per device. Each holds both networks and works on its slice of the global batch (rank r of W
on slice r). The loss of rank r is

    L_r = lambda s(Z_r, Z'_r) + mu v(Z_1 ... Z_W) + nu c(Z_1 ... Z_W)

that is, invariance of its own pairs, but variance and covariance of the whole batch. The backward passes below sum over
ranks, like FullGatherLayer in the authors' code (facebookresearch/vicreg), so each rank differentiates L_1 + ... + L_W.
DistributedDataParallel then averages over ranks. The result is the gradient of the mean of L_r, which equals the loss of
one process on the whole batch. tests/training/test_distributed.py checks this.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction, FunctionCtx
from torch.nn.modules.batchnorm import _BatchNorm

TIMEOUT = timedelta(minutes=5)  # for one step; a rank that is silent for longer counts as dead
PATIENCE = timedelta(hours=2)  # while rank 0 works alone: snapshots and downloads
SECONDS_FOR_TORCHRUN = 3  # wait before exiting, so that the log names the process that failed first

T = TypeVar("T")


class ProcessLost(ConnectionError):
    """Another process died or does not respond. The message says where to look and how to resume."""


def world() -> tuple[int, int]:
    """(rank, number of processes); (0, 1) without a process group."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


@dataclass(frozen=True)
class Team:
    """The processes of a training, as seen by one of them. `Team()` is a single process, and none of its methods wait.

    local_rank: the rank within this host. device: the device of this process.
    prompt, patient: gloo groups for messages between processes that need no device; with a short and a long timeout.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    prompt: dist.ProcessGroup | None = None
    patient: dist.ProcessGroup | None = None

    @property
    def leads(self) -> bool:
        """Whether this is rank 0, the only process that reads and writes the run's folder."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """The rows of a global batch for this process. Raises ValueError if the batch does not divide evenly."""
        if batch_size % self.size or batch_size < 2 * self.size:
            below = batch_size // self.size * self.size
            nearest = [size for size in (below, below + self.size) if size >= 2 * self.size] or [2 * self.size]
            raise ValueError(
                f"batch_size must be a multiple of the number of processes, with at least 2 images each: got {batch_size} for "
                f"{self.size} processes; try {' or '.join(map(str, nearest))}, or another number of processes"
            )
        each = batch_size // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any process. All processes must call it."""
        if self.size == 1:
            return flag
        flags = torch.tensor([int(flag)])
        dist.all_reduce(flags, dist.ReduceOp.MAX, group=self.prompt)
        return bool(flags.item())

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a tensor over all processes, on its device, without gradients. All processes must call it."""
        if self.size == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total / self.size

    def from_leader(self, make: Callable[[], T]) -> T:
        """Call make() on rank 0 and return its result on all processes, which wait up to two hours. All must call it.

        If make() fails, rank 0 raises its error, and the others raise ProcessLost.
        """
        if self.size == 1:
            return make()
        found: list[object] = [None, None]  # what make() returned, or what went wrong
        if self.leads:
            try:
                found[0] = make()
            except Exception as error:
                found[1] = str(error)
                dist.broadcast_object_list(found, src=0, group=self.patient)
                raise
        dist.broadcast_object_list(found, src=0, group=self.patient)
        if found[1] is not None:
            raise ProcessLost(f"rank 0 stopped: {found[1]}")
        return cast(T, found[0])

    def hosts_in_turn(self, make: Callable[[], T]) -> T:
        """Call make() on all processes, first on one per host, so that the others find what it downloaded."""
        if self.size == 1:
            return make()
        if self.local_rank == 0:
            made = make()
            dist.barrier(group=self.patient)
            return made
        dist.barrier(group=self.patient)
        return make()


@contextlib.contextmanager
def joined(device: torch.device, *, timeout: timedelta = TIMEOUT) -> Iterator[Team]:
    """Join the process group that torchrun started, and leave it at the end. A single process does nothing.

    device: `cuda` means the CUDA device with this process's local rank (backend nccl); `cpu` uses gloo.
    timeout: how long a step waits for other processes.
    Raises ValueError for an unavailable or unsupported device, and ProcessLost if another process died or stopped responding.
    """
    environment = {name: os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR")}
    if not all(environment.values()) or environment["WORLD_SIZE"] == "1":
        if device.type == "cuda" and device.index is not None:
            torch.cuda.set_device(device)  # for what names no device, such as a stream
        yield Team(device=device)
        return
    rank, size, local = (int(environment[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    if device.type not in ("cuda", "cpu"):
        raise ValueError(
            f"several processes can train on CUDA devices or CPUs, not on {device.type}: start a single process"
        )
    if device.type == "cuda":
        if local >= torch.cuda.device_count():
            raise ValueError(
                f"process {local} on this host needs its own CUDA device, but there are only "
                f"{torch.cuda.device_count()}: lower --nproc-per-node, or use --device cpu"
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timeout)
        groups = (dist.new_group(backend="gloo", timeout=wait) for wait in (timeout, PATIENCE))
        prompt, patient = (cast(dist.ProcessGroup, group) for group in groups)  # this process belongs to both
        yield Team(rank, size, local, device, prompt, patient)
        dist.barrier(group=patient)  # no process leaves while another still waits for a message
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        time.sleep(SECONDS_FOR_TORCHRUN)
        raise ProcessLost(
            f"another of the {size} processes died or did not respond for {timeout.total_seconds():.0f} s; the log names the "
            f"first that failed. The same command resumes from the last saved state. ({str(error).splitlines()[0]})"
        ) from error
    finally:
        # After a failure NCCL could wait here forever; the process is about to end anyway.
        if dist.is_initialized() and device.type == "cpu":
            dist.destroy_process_group()
    if dist.is_initialized():
        dist.destroy_process_group()


class _Gather(torch.autograd.Function):
    """Forward: the rows of all ranks, in rank order. Backward: the gradients of this rank's rows, summed over ranks.

    torch.distributed.nn.functional.all_gather has the same gradient, but it is deprecated in torch 2.14.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, rows: Tensor) -> Tensor:
        whole = rows.new_empty((dist.get_world_size() * len(rows), *rows.shape[1:]))
        dist.all_gather_single(whole, rows.contiguous())
        return whole

    @staticmethod
    def backward(ctx: BackwardCFunction, gradient: Tensor) -> Tensor:
        own = gradient.new_empty((len(gradient) // dist.get_world_size(), *gradient.shape[1:]))
        dist.reduce_scatter_single(own, gradient.contiguous())
        return own


def gather_with_gradients(z: Tensor) -> Tensor:
    """The embeddings of all processes: (B / W, D) on each -> (B, D) on all, in rank order.

    The gradient of a rank's rows is summed over the losses of all ranks. All processes must call it with the same shape.
    A single process gets z back.
    """
    return z if world()[1] == 1 else _Gather.apply(z)


class _Normalise(torch.autograd.Function):
    """Batch normalisation with the statistics of all ranks, whose batches must have the same size.

    y = weight (x - mean) / sqrt(var + eps) + bias                  Ioffe and Szegedy 2015. The gradient goes
    through mean and var, so its two sums over the batch also run over all ranks. Also returns mean and var (C,).
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        var, mean = torch.var_mean(_at_least_float32(x), dim=_all_but_channels(x), correction=0)
        own = torch.stack([mean, var])[None]  # (1, 2, C)
        every = own.new_empty((dist.get_world_size(), *own.shape[1:]))
        dist.all_gather_single(every, own)
        means, variances = every.unbind(1)  # (W, C)
        mean = means.mean(0)
        var = variances.mean(0) + (means - mean).square().mean(0)
        ctx.save_for_backward(x, weight, mean, (var + eps).rsqrt())
        ctx.mark_non_differentiable(mean, var)
        return nn.functional.batch_norm(x, mean, var, weight, bias, training=False, eps=eps), mean, var

    @staticmethod
    def backward(ctx: BackwardCFunction, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        saved: tuple[Tensor, ...] = ctx.saved_tensors  # torch's stub says a single tensor
        x, weight, mean, scale = saved
        axes, shape = _all_but_channels(x), (1, -1, *[1] * (x.ndim - 2))
        gradient = _at_least_float32(gradient)
        normal = (_at_least_float32(x) - mean.view(shape)) * scale.view(shape)
        own = torch.stack([gradient.sum(axes), (gradient * normal).sum(axes)])  # (2, C), of the bias and the weight
        every = own.clone()
        dist.all_reduce(every)
        from_mean, from_var = (every / (dist.get_world_size() * x.numel() / x.shape[1])).view(2, *shape).unbind(0)
        to_x = (gradient - from_mean - normal * from_var) * (weight * scale).view(shape)
        return to_x.to(x.dtype), own[1], own[0], None


class SynchronisedBatchNorm(_BatchNorm):
    """BatchNorm over the batches of all processes, on CUDA and on CPUs (where torch's SyncBatchNorm does not run).

    We also use it on CUDA, although torch's version has fused kernels. torch's version waits for the device once per
    layer to see how many images each rank has; here all ranks have the same number.
    Output, gradients and running statistics equal those of BatchNorm on the whole batch, up to rounding, with the same
    dtypes: under autocast, a half-precision input gives a half-precision output and gradient, computed in float32.
    torch.compile skips it: compiled by torch 2.14, two processes ended with clearly different weights than one.
    """

    def _check_input_dim(self, x: Tensor) -> None:
        """Accept any number of axes, such as (B, C) or (B, C, H, W)."""

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # torch gives it no types
    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None, "the encoder's norms keep statistics"
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        y, mean, var = _Normalise.apply(x, self.weight, self.bias, self.eps)
        n = dist.get_world_size() * x.numel() // x.shape[1]
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * (n / (n - 1)), self.momentum)
        return y


def synchronise_norms(module: nn.Module) -> None:
    """Replace every BatchNorm in the module by one over all processes, with the same parameters and names."""
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm):
            norm = SynchronisedBatchNorm(child.num_features, child.eps, child.momentum)
            norm.weight, norm.bias = child.weight, child.bias
            for buffer in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(norm, buffer, getattr(child, buffer))
            module.add_module(name, norm.train(child.training))
        else:
            synchronise_norms(child)


def _all_but_channels(x: Tensor) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
