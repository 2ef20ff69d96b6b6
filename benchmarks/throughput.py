"""Images a second of the whole training step (views, networks, loss, backward, optimiser), against plain float32.

    python -m benchmarks.throughput [--encoder resnet18] [--batch-size 256] [--rounds 10] [--steps 5] [--compile]

`ours` is the step that a training takes: in the precision that is faster here, channels last, on CUDA replayed as a graph.
`eager` is the same without the graph. `float32` is a plain PyTorch loop: float32, contiguous, the loss read at once.
`compiled` is ours through torch.compile. They take turns within each round, so that
whatever else the machine does falls on all; every figure is a median over the rounds.
On CUDA it also prints the share of the card's peak that the networks' arithmetic reaches, and how often a step waits for
the device. Random images stand in for a data set: the time does not depend on what is seen.
"""

import argparse
import contextlib
import platform
import re
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vicreg.config import ENCODERS, Config
from vicreg.method.loss import vicreg_loss
from vicreg.method.networks import networks
from vicreg.training.device import choose_device
from vicreg.training.estimate import choose_precision
from vicreg.training.graphed_step import EAGER_STEPS, step_of
from vicreg.training.optimiser import make_optimiser
from vicreg.training.precision import autocast
from vicreg.training.step import positive_pairs, seeded

# Dense bfloat16 tensor-core peaks in TFLOP/s, from NVIDIA's data sheets, by words of the device's name; the first fits.
PEAKS = {"H200": 989, "H100 NVL": 835, "H100 PCIe": 756, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "4090": 165}


WARM_UP = EAGER_STEPS + 1


def main() -> None:
    """Time the rivals in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", choices=ENCODERS, default="resnet18")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=5, help="steps of each rival in a round")
    parser.add_argument("--compile", action="store_true", help="also time ours through torch.compile")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    config = replace(Config(), encoder=options.encoder, batch_size=options.batch_size)
    device = choose_device(options.device)
    images = torch.randint(0, 256, (10_000, 32, 32, 3), dtype=torch.uint8, generator=seeded(0, 9, 0)).to(device)

    precision = choose_precision(config, device)
    rivals = {"ours": ours(config, images, precision), "float32": float32(config, images)}
    if device.type == "cuda":
        rivals["eager"] = ours(config, images, precision, graph=False)
    if options.compile:
        rivals["compiled"] = ours(config, images, precision, graph=False, compile=True)
    for name, step in rivals.items():
        began = time.perf_counter()
        for i in range(WARM_UP):
            step(i)
        wait(device)
        print(f"{name:<9} first {WARM_UP} steps: {time.perf_counter() - began:.1f} s")

    speeds: dict[str, list[float]] = {name: [] for name in rivals}
    for turn in range(options.rounds):
        for name, step in rivals.items():
            wait(device)
            began = time.perf_counter()
            for i in range(options.steps):
                step(WARM_UP + turn * options.steps + i)
            wait(device)
            speeds[name].append(options.steps * config.batch_size / (time.perf_counter() - began))

    flops = flops_an_image(config, images, precision)
    print(
        f"{name_of(device)}: {config.encoder}, batch {config.batch_size}, views of {config.views.size}, "
        f"{flops / 1e9:.2f} GFLOP an image (two views, forward and backward), "
        f"{precision}, {options.rounds} rounds of {options.steps}"
    )
    peak = peak_of(name_of(device))
    for name, values in speeds.items():
        ratio = median(a / b for a, b in zip(values, speeds["float32"], strict=True))
        line = (
            f"{name:<9} {median(values):9.0f} images/s ({min(values):.0f} to {max(values):.0f}), {ratio:.2f} x float32"
        )
        if peak is not None:
            line += f", {100 * median(values) * flops / (peak * 1e12):.1f} % of {peak} TFLOP/s (bf16)"
        print(line)
    if device.type == "cuda":
        print(f"a step waits for the device {waits(rivals['eager'])} times")


def ours(
    config: Config, images: torch.Tensor, precision: str, *, graph: bool = True, compile: bool = False
) -> Callable[[int], object]:
    """The step that `train` takes."""
    encoder, expander = networks(config, images.device)
    optimiser = make_optimiser(config, encoder, expander, precision=precision)
    network: nn.Module = nn.Sequential(encoder, expander)
    if compile:
        network = torch.compile(network)
    take = step_of(network.train(), optimiser, config, images.device, precision=precision, graph=graph)
    return lambda i: take(views(config, images, i))


def float32(config: Config, images: torch.Tensor) -> Callable[[int], None]:
    """The same step as a plain loop: float32, contiguous, and the loss read at once."""
    network = nn.Sequential(*networks(config, images.device)).to(memory_format=torch.contiguous_format)
    optimiser = make_optimiser(config, *network)

    def step(i: int) -> None:
        z_a, z_b = network(views(config, images, i).contiguous()).chunk(2)
        terms = vicreg_loss(z_a, z_b, variance_weight=config.variance_weight, check_finite=False)
        optimiser.zero_grad(set_to_none=True)
        terms.total.backward()
        optimiser.step()
        terms.total.item()

    return step


def views(config: Config, images: torch.Tensor, i: int) -> torch.Tensor:
    """The views of step i, made on the device."""
    rows = torch.arange(i * config.batch_size, (i + 1) * config.batch_size, device=images.device) % len(images)
    return positive_pairs(images, rows, config, neighbours=None, generator=seeded(0, 2, i))


def flops_an_image(config: Config, images: torch.Tensor, precision: str) -> float:
    """Floating-point operations of the networks, forward and backward, for both views of an image."""
    network = nn.Sequential(*networks(config, images.device))
    with FlopCounterMode(display=False) as counter, autocast(precision, images.device):
        network(views(config, images, 0)).sum().backward()
    return counter.get_total_flops() / config.batch_size


def waits(step: Callable[[int], object]) -> int:
    """How often CUDA's own check finds the host waiting for the device during one step."""
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as caught, contextlib.ExitStack() as stack:
        warnings.simplefilter("always")
        stack.callback(torch.cuda.set_sync_debug_mode, "default")
        torch.cuda.set_sync_debug_mode("warn")
        step(0)
    return sum("synchroniz" in str(warning.message) for warning in caught)


def peak_of(card: str) -> int | None:
    """The peak of a card by its name, in whole words (an L40 is no L4); None for one that is not in the table."""
    return next((peak for words, peak in PEAKS.items() if re.search(rf"\b{words}\b", card)), None)


def wait(device: torch.device) -> None:
    """Until the device's queue is empty."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def name_of(device: torch.device) -> str:
    """The card's name, or the CPU's kind and threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    kind = torch.cpu.get_capabilities().get("cpu_name", platform.machine()) if device.type == "cpu" else device.type
    return f"{kind}, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
