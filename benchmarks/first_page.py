"""How long the first visitor of a fresh server waits, against an earlier version of the app.

    python -m benchmarks.first_page [--against main] [--rounds 5]

From the start of `streamlit run app.py` to the end of the page Start: the server's answer on its port, then the page. The
rivals are another commit of this repository, in a folder of its own, and `two lines`, an app that shows a title and a word:
what Streamlit itself takes. They take turns, so that whatever else the machine does falls on all; the first round, which
compiles Python's files and fills the machine's file cache, does not count.
"""

import argparse
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psutil

from benchmarks.viewers import ROOT, Visitor, served

HELLO = "import streamlit as st\nst.title('Hello')\nst.write('world')\n"


def main() -> None:
    """Print the median and the range of each, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", default="main", help="a commit or a branch")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with earlier(options.against) as folder, tempfile.TemporaryDirectory() as two_lines:
        Path(two_lines, "app.py").write_text(HELLO, encoding="utf-8")
        rivals = {"here": ROOT, options.against: folder, "two lines": Path(two_lines)}
        times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in rivals}
        for turn in range(options.rounds + 1):
            for name, root in rivals.items():
                found = opened(root)
                times[name] += [found] if turn else []
    print(f"{'':<14}{'server answers':>16}{'page there':>12}{'range':>16}{'CPU s':>8}")
    for name, rows in times.items():
        answers, pages, costs = zip(*rows, strict=True)
        print(
            f"{name:<14}{median(answers):>16.2f}{median(pages):>12.2f}"
            f"{f'{min(pages):.2f} to {max(pages):.2f}':>16}{median(costs):>8.2f}"
        )


def opened(root: Path) -> tuple[float, float, float]:
    """Seconds until a fresh server of this folder answers, and until its first page is there; processor seconds of it."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with served(Path(folder), dict(os.environ), root=root) as url:
            answers = time.perf_counter() - began
            with Visitor(url) as visitor:
                visitor.sent("")
            page = time.perf_counter() - began
            [server] = psutil.Process().children()
            return answers, page, sum(server.cpu_times()[:2])


@contextlib.contextmanager
def earlier(commit: str) -> Iterator[Path]:
    """A folder with the files of a commit."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.Popen(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", folder], stdin=archive.stdout, check=True)
        if archive.wait():
            raise SystemExit(f"{commit} is no commit of this repository")
        yield Path(folder)


if __name__ == "__main__":
    main()
