"""Where a training step's time goes: views, forward, loss, backward, optimiser. Prints seconds and shares.

    python -m benchmarks.step [--steps 10] [--encoder lean] [--batch-size 256] [--view-size 24] [--return-memory]
    OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.step --precision bfloat16 --beside 1

`--return-memory` leaves the C library's allocator as it is; a training keeps the memory that it frees. `--beside` runs other
processes meanwhile that each want a core: what that costs depends on whether threads spin while they wait for each other.
Random images stand in for CIFAR-10: the time does not depend on what is seen.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import replace
from statistics import median

import torch

from vicreg.config import ENCODERS, PRECISIONS, Config
from vicreg.method.loss import vicreg_loss
from vicreg.method.networks import networks
from vicreg.method.views import augmented_views
from vicreg.training.device import choose_device
from vicreg.training.freed_memory import keep_freed_memory
from vicreg.training.optimiser import make_optimiser
from vicreg.training.precision import autocast
from vicreg.training.step import seeded


def main() -> None:
    """Time some steps, after two to warm up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--encoder", choices=ENCODERS, default="lean")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--view-size", type=int, default=24)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--return-memory", action="store_true", help="return freed memory to the system")
    parser.add_argument("--beside", type=int, default=0, metavar="N", help="run N other processes that want a core")
    options = parser.parse_args()
    if not options.return_memory:
        keep_freed_memory()
    default = Config()
    config = replace(
        default,
        encoder=options.encoder,
        batch_size=options.batch_size,
        views=replace(default.views, size=options.view_size),
    )
    device = choose_device(options.device)
    encoder, expander = networks(config, device)
    optimiser = make_optimiser(config, encoder, expander, precision=options.precision)
    images = torch.rand(config.batch_size, 3, 32, 32, generator=seeded(0, 9, 0)).to(device)
    parts: dict[str, list[float]] = {}
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(options.beside)]
    try:
        for step in range(options.steps + 2):
            told = parts if step >= 2 else {}
            take(step, images, encoder, expander, optimiser, config, options.precision, told)
    finally:
        for other in others:
            other.kill()

    whole = sum(median(seconds) for seconds in parts.values())
    print(
        f"{config.encoder}, batch {config.batch_size}, views of {config.views.size}, {device}: "
        f"{config.batch_size / whole:.0f} pairs/s (median of {options.steps} steps)"
    )
    for name, seconds in parts.items():
        print(f"{name:<10} {1000 * median(seconds):8.1f} ms  {100 * median(seconds) / whole:5.1f} %")


def take(
    step: int,
    images: torch.Tensor,
    encoder: torch.nn.Module,
    expander: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    config: Config,
    precision: str,
    parts: dict[str, list[float]],
) -> None:
    """One step; adds the seconds of its parts."""
    device = images.device
    clock = Clock(device)
    views = torch.cat([augmented_views(images, config.views, generator=seeded(0, 2, step)) for _ in range(2)])
    views = views.contiguous(memory_format=torch.channels_last)
    clock.lap("views")
    with autocast(precision, device):
        embeddings = expander(encoder(views))
    clock.lap("forward")
    terms = vicreg_loss(*embeddings.float().chunk(2), check_finite=False)
    clock.lap("loss")
    optimiser.zero_grad(set_to_none=True)
    terms.total.backward()
    clock.lap("backward")
    optimiser.step()
    clock.lap("optimiser")
    for name, seconds in clock.laps.items():
        parts.setdefault(name, []).append(seconds)


class Clock:
    """Seconds between laps, with the device's queue emptied first."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.laps = device, {}
        self.last = self._now()

    def lap(self, name: str) -> None:
        now = self._now()
        self.laps[name] = now - self.last
        self.last = now

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


if __name__ == "__main__":
    main()
