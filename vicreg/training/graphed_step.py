"""A training step as one CUDA graph: hundreds of small kernels launched by a single call.

With small images, the host needs longer to launch the kernels of a step than a large GPU to run them. A CUDA graph
(https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs) records them once and replays them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vicreg.config import Config
from vicreg.training.optimiser import CAPTURABLE
from vicreg.training.step import take_step

EAGER_STEPS = 11  # steps before recording, so that libraries choose kernels and the optimiser creates its state


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
    """A function that takes one step on given views and returns the terms; uses a CUDA graph if possible.

    gather: as in `take_step`. With gather, or with graph=False, steps run without a CUDA graph.
    """

    def step(views: Tensor) -> tuple[Tensor, ...]:
        return take_step(network, optimiser, views, config, precision=precision, gather=gather)

    if graph and gather is None and device.type == "cuda" and config.optimiser in CAPTURABLE:
        return GraphedStep(step, lambda: optimiser.zero_grad(set_to_none=True), device)
    return step


class GraphedStep:
    """Calls `step` normally a few times, then records it and replays the recording.

    step: takes views (2 B, 3, S, S), always with the same shape and dtype, and returns tensors. It must not read values
    back to the host, and learning rates must be tensors that are updated in place.
    device: the CUDA device of the networks and the views, which need not be the current one.
    If recording fails, it warns and continues to call `step` normally.
    """

    def __init__(
        self, step: Callable[[Tensor], tuple[Tensor, ...]], forget_gradients: Callable[[], None], device: torch.device
    ) -> None:
        self.step, self.forget_gradients, self.device = step, forget_gradients, device
        self.stream = torch.cuda.Stream(device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.views: Tensor | None = None
        self.terms: tuple[Tensor, ...] = ()
        self.calls = 0

    def __call__(self, views: Tensor) -> tuple[Tensor, ...]:
        """Take one step. The next call overwrites the returned tensors."""
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
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
        torch.cuda.current_stream(self.device).wait_stream(self.stream)
        return self.terms

    def _record(self, views: Tensor) -> None:
        """Record a step without computing it."""
        torch.cuda.synchronize(self.device)
        self.forget_gradients()  # so that the backward pass allocates gradients in the graph's memory
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                self.terms = self.step(views)
        except RuntimeError as error:
            warnings.warn(f"this step cannot be recorded as a CUDA graph, so training is slower: {error}", stacklevel=2)
            torch.cuda.synchronize(self.device)
            return
        self.graph = graph
