"""The optimiser: Muon, AdamW or LARS.

    Muon   m <- momentum m + (1 - momentum) g,   W <- (1 - rate decay) W - rate scale orthogonalised(m)

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) replaces the update of a matrix by the nearest matrix
whose singular values are all equal, using a few Newton-Schulz iterations. Here it needs half as many steps as AdamW to
reach the same loss (docs/recipe.md). scale = 0.2 sqrt(max(rows, columns)) makes its updates as large as AdamW's usual ones
(Liu et al. 2025), so both work with similar learning rates. A convolution counts as a matrix (out, in * height * width).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias  # noqa: TID251 - of a parameter group, by torch's own stub

import torch
from torch import Tensor, nn

from vicreg.config import Config

MOMENTUM = 0.9  # Muon's and LARS's
# Newton-Schulz coefficients, one triple per iteration, as in modded-nanogpt ("quintic" in timm).
COEFFICIENTS = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
Group: TypeAlias = dict[str, Any]
CAPTURABLE = ("muon", "adamw")  # optimisers that work in a CUDA graph, because their learning rate may be a tensor


def make_optimiser(
    config: Config, encoder: nn.Module, expander: nn.Module, *, precision: str = "float32"
) -> torch.optim.Optimizer:
    """The config's optimiser for both networks, with weight decay on matrices only.

    precision: of the run; Muon iterates in the same precision. On CUDA, the learning rate of Muon and AdamW is a tensor,
    so that a CUDA graph can contain their step. Raises ValueError if the optimiser needs timm and it is not installed.
    """
    parameters = [*encoder.parameters(), *expander.parameters()]
    groups: list[Group] = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    device = parameters[0].device
    on_cuda = device.type == "cuda"
    rate = torch.tensor(config.learning_rate, device=device) if on_cuda else config.learning_rate
    if config.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=rate, fused=True, capturable=on_cuda)
    if config.optimiser == "muon":
        groups[0]["orthogonal"], groups[1]["orthogonal"] = True, False
        return Muon(groups, lr=rate, dtype=getattr(torch, precision))
    Lars = _timm("Lars")
    groups[0]["always_adapt"] = True  # layer-wise rates apply to matrices only, with or without decay
    return Lars(groups, lr=config.learning_rate, momentum=MOMENTUM, trust_coeff=0.02)


class Muon(torch.optim.Optimizer):
    """Muon for groups with `orthogonal` set, AdamW for the others (biases, BatchNorm).

    The Newton-Schulz iteration is timm's. We do not use timm's Muon because it always iterates in bfloat16, which is five
    times slower than float32 on a CPU without bfloat16 instructions (7 against 34 GFLOP/s with AVX2).

    dtype: of the iteration. lr: a float, or a tensor on the parameters' device, which a CUDA graph reads at every replay.
    """

    def __init__(
        self,
        groups: list[Group],
        *,
        lr: float | Tensor,
        dtype: torch.dtype = torch.float32,
        momentum: float = MOMENTUM,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps}
        # capturable makes load_state_dict put the step count on the device. On the CPU, a CUDA graph would keep it
        # as it was recorded.
        super().__init__(groups, {**defaults, "capturable": True})
        self.dtype = dtype
        _newton_schulz()  # fail early if timm is missing

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        if closure is not None:
            raise ValueError("this optimiser does not support a closure")
        for group in self.param_groups:
            move = self._orthogonal if group["orthogonal"] else self._adamw
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                move(parameters, group)

    def _orthogonal(self, parameters: list[Tensor], group: Group) -> None:
        rate, newton_schulz = group["lr"], _newton_schulz()
        momenta = [self._kept(p, "momentum_buffer") for p in parameters]
        torch._foreach_lerp_(momenta, _gradients(parameters), 1 - group["momentum"])
        torch._foreach_mul_(parameters, 1 - rate * group["weight_decay"])
        for parameter, momentum in zip(parameters, momenta, strict=True):
            matrix = momentum.flatten(1)
            update = newton_schulz(matrix, len(COEFFICIENTS), [*COEFFICIENTS], dtype=self.dtype)
            scale = 0.2 * math.sqrt(max(matrix.shape))
            parameter.sub_(update.reshape(parameter.shape) * (rate * scale))

    def _adamw(self, parameters: list[Tensor], group: Group) -> None:
        beta1, beta2 = group["betas"]
        gradients = _gradients(parameters)
        means = [self._kept(p, "exp_avg") for p in parameters]
        squares = [self._kept(p, "exp_avg_sq") for p in parameters]
        steps = [self._kept(p, "step", scalar=True) for p in parameters]
        torch._foreach_add_(steps, 1)
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_lerp_(squares, torch._foreach_mul(gradients, gradients), 1 - beta2)
        step = steps[0]  # one counter for all, because every parameter has a gradient in every step
        roots = torch._foreach_sqrt(torch._foreach_div(squares, 1 - beta2**step))
        torch._foreach_add_(roots, group["eps"])
        moves = torch._foreach_div(means, roots)
        torch._foreach_mul_(moves, group["lr"] / (1 - beta1**step))
        torch._foreach_sub_(parameters, moves)

    def _kept(self, parameter: Tensor, name: str, *, scalar: bool = False) -> Tensor:
        state = self.state[parameter]
        if name not in state:
            state[name] = (
                torch.zeros((), device=parameter.device)
                if scalar
                else torch.zeros_like(parameter, memory_format=torch.preserve_format)
            )
        return state[name]


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [p.grad for p in parameters if p.grad is not None]


def _timm(name: str) -> Callable[..., torch.optim.Optimizer]:
    try:
        import timm.optim
    except ImportError as error:
        raise ValueError(f"the optimiser {name} needs timm, which is not installed: `pip install timm`") from error
    return getattr(timm.optim, name)


def _newton_schulz() -> Callable[..., Tensor]:
    _timm("Muon")
    from timm.optim.muon import zeropower_via_newtonschulz

    return zeropower_via_newtonschulz
