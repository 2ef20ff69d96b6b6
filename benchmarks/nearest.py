"""The search for near images against faiss, torch and a full sort; and how its cost grows with the gallery.

    python -m benchmarks.nearest [--images 50000] [--width 512] [--rounds 7]
    python -m benchmarks.nearest --scores 13000
    python -m benchmarks.nearest --grow 10000 100000 1000000 [--folder /tmp]

First form: one query, whose 10 nearest and 10 farthest images are searched, and 2,000 queries at once, 10 nearest.
`prepared` is a `Gallery` that was made before; `search` the function, which makes one each time. `faiss` is its exact flat
index (nearest only, if `pip install faiss-cpu` was done), `torch` one matrix product and `torch.topk`, `sort` NumPy's full
sort, as the study did it. They take turns in every round; a figure is the median over the rounds. All use one thread.

Second form: that many anomaly scores (mean distance to the 2 nearest images) against a loop over images that sorts all
distances, as in the study. The loop is timed on 100 images, and its time for all of them is in proportion. `product` is the
bare matrix product of all pairs, in blocks that suit it: no exact method takes less without another arithmetic.

Third form: galleries in half precision in a memory-mapped file, 64 queries; the time for an image (median of two
rounds, each of up to nine searches), by the clock and of the processor, and the memory at most.
"""

import argparse
import importlib
import itertools
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from vicreg.evaluation.anomaly_score import STUDY, anomaly_scores
from vicreg.evaluation.gallery import BLOCK_VALUES, Gallery
from vicreg.evaluation.neighbours import nearest, nearest_and_farthest

K = 10
ROUNDS = 2  # over the sizes of galleries
PRODUCT = 640  # queries in a block of the bare product


def main() -> None:
    """Print a table of either form."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scores", type=int, help="number of anomaly scores")
    parser.add_argument("--grow", type=int, nargs="+", help="sizes of galleries")
    parser.add_argument("--folder", type=Path, help="for the file of the largest gallery")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with threadpool_limits(limits=1):
        if options.grow:
            grow(options.grow, options.width, options.folder)
            return
        rng = np.random.default_rng(0)
        images = np.abs(rng.standard_normal((options.images, options.width), dtype=np.float32))
        if options.scores:
            score(
                images, np.abs(rng.standard_normal((options.scores, options.width), dtype=np.float32)), options.rounds
            )
            return
        queries = np.abs(rng.standard_normal((2_000, options.width), dtype=np.float32))
        for count in (1, len(queries)):
            compare(images, queries[:count], rounds=options.rounds if count > 1 else 5 * options.rounds)


def compare(images: np.ndarray, queries: np.ndarray, *, rounds: int) -> None:
    """Time the rivals in turns."""
    rivals = of_one(images, queries) if len(queries) == 1 else of_many(images, queries)
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for turn in range(rounds + 1):
        for name, search in rivals.items():
            began = time.perf_counter()
            search()
            times[name] += [time.perf_counter() - began] if turn else []
    print(f"{len(queries):,} queries, {len(images):,} images of {images.shape[1]}, k = {K}, {rounds} rounds")
    base = times.get("faiss", times["torch"])
    for name, found in times.items():
        ratio = median(a / b for a, b in zip(found, base, strict=True))
        print(
            f"{name:<10}{1e3 * median(found):>10.1f} ms{ratio:>8.2f} x {'faiss' if 'faiss' in times else 'torch'}"
            f"  ({1e3 * min(found):.1f} to {1e3 * max(found):.1f})"
        )


def score(images: np.ndarray, asked: np.ndarray, rounds: int) -> None:
    """Time anomaly scores and the loop in turns."""
    some = asked[:100]
    ours, loop, product = [], [], []
    room = np.empty((PRODUCT, len(images)), np.float32)
    for _ in range(rounds):
        began = time.perf_counter()
        scores = anomaly_scores(asked, images, k=STUDY.k, normalise=STUDY.normalise, reduction=STUDY.reduction)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        sorted_all = [np.sort(np.sqrt(((images - one) ** 2).sum(axis=1)))[: STUDY.k].mean() for one in some]
        loop.append((time.perf_counter() - began) * len(asked) / len(some))
        assert np.allclose(scores[:100], sorted_all, rtol=1e-4)
        began = time.perf_counter()
        for start in range(0, len(asked), PRODUCT):
            block = asked[start : start + PRODUCT]
            np.matmul(block, images.T, out=room[: len(block)])
        product.append(time.perf_counter() - began)
    ratios = sorted(b / a for a, b in zip(ours, loop, strict=True))
    print(f"{len(asked):,} scores, {len(images):,} images of {images.shape[1]}, {rounds} rounds")
    print(
        f"ours {median(ours):.1f} s, loop {median(loop):.0f} s: {median(ratios):.0f} x ({ratios[0]:.0f} to {ratios[-1]:.0f})"
    )
    most = sorted(b / a for a, b in zip(product, loop, strict=True))
    print(f"product {median(product):.1f} s: at most {median(most):.0f} x ({most[0]:.0f} to {most[-1]:.0f})")


def of_one(images: np.ndarray, query: np.ndarray) -> dict[str, Callable[[], object]]:
    """Searches for the nearest and the farthest."""
    prepared, tensor, asked = Gallery(images, metric="euclidean"), torch.from_numpy(images), torch.from_numpy(query)
    squares = tensor.square().sum(dim=1)

    def by_torch() -> None:
        scores = squares - 2 * (tensor @ asked[0])
        scores.topk(K, largest=False)
        scores.topk(K)

    def by_sort() -> None:
        np.argsort(((images - query) ** 2).sum(axis=1))

    return faiss_of(images, query) | {
        "prepared": lambda: prepared.search(query, k=K, sides=(1, -1)),
        "search": lambda: nearest_and_farthest(query, images, k=K, metric="euclidean"),
        "torch": by_torch,
        "sort": by_sort,
    }


def of_many(images: np.ndarray, queries: np.ndarray) -> dict[str, Callable[[], object]]:
    """Searches for the nearest. `torch` selects from blocks of the size that ours are."""
    prepared, tensor, asked = Gallery(images, metric="euclidean"), torch.from_numpy(images), torch.from_numpy(queries)
    squares = tensor.square().sum(dim=1)
    rows = max(1, BLOCK_VALUES // len(images))

    def by_torch() -> None:
        for block in asked.split(rows):
            torch.addmm(squares, block, tensor.T, alpha=-2).topk(K, largest=False)

    return faiss_of(images, queries) | {
        "prepared": lambda: prepared.search(queries, k=K),
        "search": lambda: nearest(queries, images, k=K, metric="euclidean"),
        "torch": by_torch,
    }


def faiss_of(images: np.ndarray, queries: np.ndarray) -> dict[str, Callable[[], object]]:
    """faiss's search, if it is installed."""
    try:
        faiss = importlib.import_module("faiss")
    except ModuleNotFoundError:
        return {}
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(images.shape[1])
    index.add(images)
    return {"faiss": lambda: index.search(queries, K)}


def grow(sizes: list[int], width: int, folder: Path | None, *, queries: int = 64) -> None:
    """The time for an image of each gallery, and the memory of all arrays at most, besides the mapped file."""
    rng = np.random.default_rng(0)
    asked = np.abs(rng.standard_normal((queries, width), dtype=np.float32))
    with tempfile.TemporaryDirectory(dir=folder) as place:
        file = Path(place) / "gallery.npy"
        images = np.lib.format.open_memmap(file, "w+", np.float16, (max(sizes), width))
        block = np.abs(rng.standard_normal((10_000, width), dtype=np.float32)).astype(np.float16)
        for turn, start in enumerate(range(0, len(images), len(block))):
            part = images[start : start + len(block)]
            part[:] = np.roll(block, turn, axis=1)[: len(part)]
        images.flush()  # so that the disk is idle
        del images
        print(f"{queries} queries, {width} dimensions in half precision, k = {K}, {ROUNDS} rounds")
        times: dict[int, list[float]] = {size: [] for size in sizes}
        busy: dict[int, list[float]] = {size: [] for size in sizes}
        most = dict.fromkeys(sizes, 0)
        for _, size in itertools.product(range(ROUNDS), sizes):
            for _ in range(max(1, min(9, 2_000_000 // size))):
                tracemalloc.start()
                began, used = time.perf_counter(), time.process_time()
                nearest_and_farthest(asked, np.load(file, mmap_mode="r")[:size], k=K, metric="cosine")
                times[size].append(time.perf_counter() - began)
                busy[size].append(time.process_time() - used)
                most[size] = max(most[size], tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
        for size, found in times.items():
            each = 1e6 / size
            print(
                f"{size:>11,} images{median(found):>9.2f} s{each * median(found):>8.2f} us an image ({each * min(found):.2f} "
                f"to {each * max(found):.2f}), processor {each * median(busy[size]):.2f} ({each * min(busy[size]):.2f} to "
                f"{each * max(busy[size]):.2f}){most[size] / 1e6:>8.0f} MB"
            )


if __name__ == "__main__":
    main()
