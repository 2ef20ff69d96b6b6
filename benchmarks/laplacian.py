"""What amortisation buys: one new image placed by an encoder, by Nystroem's rule, and by fitting the eigenmap again.

    python -m benchmarks.laplacian [checkpoints/cifar10-vicreg] [--images 10000] [--dimensions 512] [--repeats 50]

The encoder reads one image and has no other; the rule searches all fitted images for the new one's neighbours; the
eigenmap itself knows nothing of a new image, and would be fitted again. The first two are interleaved, image
by image, and then timed on a batch, which spreads what a call costs (the rule's copies the fitted images).
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from vicreg import encode, open_run
from vicreg.data.loading import load
from vicreg.evaluation.laplacian import Eigenmap, fit, place
from vicreg.pipeline.baselines import flat

BATCH = 200


def main() -> None:
    """Print the seconds of each way, their ratios, and how long the eigenmap took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", default="checkpoints/cifar10-vicreg")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=50)
    options = parser.parse_args()
    run = open_run(options.run)
    points = flat(load(run.config.dataset, "train").images[: options.images])
    new = load(run.config.dataset, "test").images[: max(options.repeats, BATCH)]
    new_points = flat(new)

    eigenmap, wall, processor = timed_fit(points, options.dimensions)  # one image more would change no figure
    ways = {
        "encoder": lambda some: encode(run.encoder, new[some]),
        "rule": lambda some: place(eigenmap, points, new_points[some]),
    }
    single = {name: median(times) for name, times in interleaved(ways, options.repeats).items()}
    batch = {name: seconds(lambda way=way: way(slice(None))) / len(new) for name, way in ways.items()}
    print(
        f"{run.name} and the eigenmap of {len(points):,} train images, {eigenmap.coordinates.shape[1]} dimensions, "
        f"k = {eigenmap.k}, {torch.get_num_threads()} threads"
    )
    print(f"{'':<12}{'one image':>14}{'of encoder':>12}{f'each of {len(new)}':>14}{'of encoder':>12}")
    for name, label in (("encoder", "encoder"), ("rule", "Nystroem")):
        print(
            f"{label:<12}{1000 * single[name]:>11.1f} ms{single[name] / single['encoder']:>12.1f}"
            f"{1000 * batch[name]:>11.2f} ms{batch[name] / batch['encoder']:>12.1f}"
        )
    print(f"{'fitted anew':<12}{1000 * wall:>11.0f} ms{wall / single['encoder']:>12,.0f}")
    print(f"medians of {options.repeats} single images; fitted once, {processor:.1f} s of processor time")


def timed_fit(points: np.ndarray, dimensions: int) -> tuple[Eigenmap, float, float]:
    """The eigenmap, and its seconds by the clock and of processor time (all threads)."""
    began, used = time.perf_counter(), time.process_time()
    eigenmap = fit(points, dimensions=dimensions)
    return eigenmap, time.perf_counter() - began, time.process_time() - used


def interleaved(ways: dict[str, Callable[[slice], np.ndarray]], repeats: int) -> dict[str, list[float]]:
    """Seconds of every way for one image, image by image, after one to warm up."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way(slice(0, 1))
    for i in range(repeats):
        for name, way in ways.items():
            times[name].append(seconds(lambda way=way, i=i: way(slice(i, i + 1))))
    return times


def seconds(call: Callable[[], object]) -> float:
    """By the clock."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
