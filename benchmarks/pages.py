"""What a warm page costs the server, and how long a class that turns pages waits; also for an earlier version of the app.

    python -m benchmarks.pages [--against main] [--turns 10] [--visitors 30] [--pause 5] [--seconds 60]

First one visitor turns through all pages, after two turns that warm the caches: the server's processor time a page. Then
every one of `--visitors` opens a random page, reads for a random time (exponential, `--pause` seconds on average) and opens
the next: the seconds from the click to the whole page, over all pages, and the server's memory before and after. Clients and
server share this machine's cores. With `--against`, the files of that commit are measured first, in the same way.
"""

import argparse
import contextlib
import os
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil

from benchmarks.first_page import earlier
from benchmarks.viewers import ROOT, Visitor, served

PAGES = sorted(file.stem for file in (ROOT / "pages").glob("*.py"))
Costs = dict[str, tuple[float, float]]


def main() -> None:
    """Print the seconds of each page, then those of the class, of each version."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", help="a commit or a branch")
    parser.add_argument("--turns", type=int, default=10, help="of the one visitor, through all pages")
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--pause", type=float, default=5, help="seconds that a page is read, on average")
    parser.add_argument("--seconds", type=float, default=60, help="that the class turns pages")
    options = parser.parse_args()
    found: dict[str, tuple[Costs, str]] = {}
    with contextlib.ExitStack() as stack:
        if options.against:
            found[options.against] = measured(stack.enter_context(earlier(options.against)), options)
        found["here"] = measured(ROOT, options)
    print(f"{'CPU s (wall s)':<20}" + "".join(f"{name:>18}" for name in found))
    for page in PAGES:
        print(
            f"{page:<20}"
            + "".join(f"{f'{cpu:.3f} ({wall:.3f})':>18}" for cpu, wall in (one[page] for one, _ in found.values()))
        )
    for name, (_, words) in found.items():
        print(f"{name}: {words}")


def measured(root: Path, options: argparse.Namespace) -> tuple[Costs, str]:
    """The costs of the pages of one version, and what the class met, in words."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(served(folder, dict(os.environ), root=root))
        [server] = psutil.Process().children()
        alone = stack.enter_context(Visitor(url))
        turn(alone, server, 2)
        costs = turn(alone, server, options.turns)
        before = server.memory_info().rss
        crowd = [stack.enter_context(Visitor(url)) for _ in range(options.visitors)]
        with ThreadPoolExecutor(options.visitors) as pool:
            waits = list(pool.map(lambda visitor: browse(visitor, options.pause, options.seconds), crowd))
        after = server.memory_info().rss
    times = [wait for found in waits for wait in found]
    return costs, (
        f"{options.visitors} visitors, {len(times)} pages in {options.seconds:.0f} s: median {np.median(times):.2f} s, "
        f"95 % {np.quantile(times, 0.95):.2f} s, longest {max(times):.2f} s; memory {before / 1e9:.2f} GB before, "
        f"{after / 1e9:.2f} GB after"
    )


def turn(visitor: Visitor, server: psutil.Process, times: int) -> Costs:
    """Processor seconds and wall seconds of each page, the mean of all turns."""
    spent = {page: [0.0, 0.0] for page in PAGES}
    for _ in range(times):
        for page in PAGES:
            began, used = time.perf_counter(), sum(server.cpu_times()[:2])
            visitor.sent(page)
            spent[page][1] += time.perf_counter() - began
            spent[page][0] += sum(server.cpu_times()[:2]) - used
    return {page: (cpu / times, wall / times) for page, (cpu, wall) in spent.items()}


def browse(visitor: Visitor, pause: float, seconds: float) -> list[float]:
    """Open random pages for so long: the seconds until each was there."""
    until, found = time.monotonic() + seconds, list[float]()
    time.sleep(random.random() * pause)  # so that not all begin at once
    while time.monotonic() < until:
        began = time.perf_counter()
        visitor.sent(random.choice(PAGES))
        found.append(time.perf_counter() - began)
        time.sleep(random.expovariate(1 / pause))
    return found


if __name__ == "__main__":
    main()
