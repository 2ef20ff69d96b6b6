"""A training step as one CUDA graph: hundreds of small kernels launched by a single call.

The encoders for small images keep a large GPU waiting for the host, which needs longer to launch a step's kernels than
the card to run them. A CUDA graph (https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs) records them once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vicreg.config import Config
from vicreg.training.optimiser import CAPTURABLE
from vicreg.training.step import take_step

EAGER_STEPS = 11  # before the recording: libraries choose their kernels, the optimiser makes its state


def step_of(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    config: Config,
    device: torch.device,
    *,
    precision: str,
    gather: Callable[[Tensor], Tensor] | None = None,
    graph: bool = True,
) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """What takes one step on the views it is given and returns the terms: a CUDA graph where the step can be one.

    gather: as in `take_step`; with it, and with `graph` off, every step is called as it is.
    """

    def step(views: Tensor) -> tuple[Tensor, ...]:
        return take_step(network, optimiser, views, config, precision=precision, gather=gather)

    if graph and gather is None and device.type == "cuda" and config.optimiser in CAPTURABLE:
        return GraphedStep(step, lambda: optimiser.zero_grad(set_to_none=True))
    return step


class GraphedStep:
    """Calls `step` as it is a few times, then records it and replays the record.

    step: takes the views (2 B, 3, S, S), always of one shape and type, and returns tensors that do not depend on the
    host: it must not read a value back. learning rates must be tensors that are filled in place. Where recording fails,
    a warning says so and every step is called as it is.
    """

    def __init__(self, step: Callable[[Tensor], tuple[Tensor, ...]], forget_gradients: Callable[[], None]) -> None:
        self.step, self.forget_gradients = step, forget_gradients
        self.stream = torch.cuda.Stream()
        self.graph: torch.cuda.CUDAGraph | None = None
        self.views: Tensor | None = None
        self.terms: tuple[Tensor, ...] = ()
        self.calls = 0

    def __call__(self, views: Tensor) -> tuple[Tensor, ...]:
        """Take one step. The tensors returned are overwritten by the next call."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            if self.views is None:
                self.views = torch.empty_like(views)
            self.views.copy_(views)
            if self.calls == EAGER_STEPS:
                self._record(self.views)
            if self.graph is None:
                self.terms = self.step(self.views)
            else:
                self.graph.replay()
            self.calls += 1
        torch.cuda.current_stream().wait_stream(self.stream)
        return self.terms

    def _record(self, views: Tensor) -> None:
        """Record a step; nothing is computed by it."""
        torch.cuda.synchronize()
        self.forget_gradients()  # so that the backward pass writes gradients in the graph's own memory
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                self.terms = self.step(views)
        except RuntimeError as error:
            warnings.warn(f"this step cannot be recorded as a CUDA graph and is slower for it: {error}", stacklevel=2)
            torch.cuda.synchronize()
            return
        self.graph = graph
