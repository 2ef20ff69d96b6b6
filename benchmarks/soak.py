"""A lesson that does not end: thirty visitors turn pages and upload pictures while a training runs and is killed twice.

    python -m benchmarks.soak [--visitors 30] [--minutes 20] [--pause 5] [--seed 0]

Every visitor waits a random time (exponential, `--pause` seconds in the mean) between two pages, and uploads a picture on the
page Retrieval once in twenty. The training is killed with kill -9 after a third and after two thirds of the time, and goes
on. Prints for every minute how many pages were opened, how long they took, errors, and the server's resident memory.
"""

import argparse
import contextlib
import io
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np
import psutil
from PIL import Image
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.viewers import ROOT, Visitor, started
from server.server_limits import LIMITS

PAGES = ("start", "lab", "lesson", "digit_or_colour", "training_curves", "maps", "retrieval", "probe", "anomalies")
PAGES += ("clusters", "ablations", "claims", "train")
UPLOADS = 0.05  # of all pages
TRAIN = ["--dataset", "coloured-digits", "--epochs", "2000", "--device", "cpu", "--name", "soak", "--skip-evaluation"]


def main() -> None:
    """Print a line for every minute, and a sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--pause", type=float, default=5, help="mean seconds between two pages of a visitor")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, url = started(Path(folder), dict(os.environ))
        lesson = Lesson(url, process.pid, options.minutes * 60, options.pause)
        try:
            lesson.hold(options.visitors, options.seed, Path(folder))
        finally:
            for one in (process, lesson.training):
                if one is not None:
                    one.kill()
                    one.wait()
        tracebacks = (Path(folder) / "log").read_text("utf-8").count("Traceback")
    print(f"{tracebacks} tracebacks in the server's log")


@dataclass
class Lesson:
    """What visitors do, and what they wait for it."""

    url: str
    pid: int
    seconds: float
    pause: float
    began: float = field(default_factory=time.monotonic)
    waits: list[tuple[float, float]] = field(
        default_factory=list
    )  # when a page was asked for, seconds until it was there
    errors: list[tuple[float, str]] = field(default_factory=list)
    uploads: int = 0
    training: subprocess.Popen[str] | None = None

    def hold(self, visitors: int, seed: int, folder: Path) -> None:
        """Let all visitors in, and tell every minute."""
        self.began = time.monotonic()
        crowd = [threading.Thread(target=self._visit, args=(seed + i,), daemon=True) for i in range(visitors)]
        crowd.append(threading.Thread(target=self._train, args=(folder,), daemon=True))
        for thread in crowd:
            thread.start()
        print(f"{'minute':>6}{'pages':>7}{'median s':>10}{'95 % s':>8}{'longest':>9}{'errors':>8}{'MB':>7}", flush=True)
        minute = 0
        while any(thread.is_alive() for thread in crowd):
            time.sleep(0.5)
            if self._age() >= 60 * (minute + 1):
                self._tell(minute)
                minute += 1
        times = [wait for _, wait in self.waits]
        print(f"{len(times)} pages, {self.uploads} uploads, {len(self.errors)} errors; {said(times)}")
        for when, error in self.errors[:20]:
            print(f"    after {when:.0f} s: {error}")

    def _age(self) -> float:
        return time.monotonic() - self.began

    def _tell(self, minute: int) -> None:
        times = [wait for when, wait in self.waits if minute <= when / 60 < minute + 1] or [float("nan")]
        errors = sum(minute <= when / 60 < minute + 1 for when, _ in self.errors)
        memory = psutil.Process(self.pid).memory_info().rss / 1e6
        slow = np.quantile(times, 0.95)
        print(
            f"{minute + 1:>6}{len(times):>7}{np.median(times):>10.2f}{slow:>8.2f}{max(times):>9.2f}{errors:>8}{memory:>7.0f}",
            flush=True,
        )

    def _visit(self, seed: int) -> None:
        chance = random.Random(seed)
        time.sleep(chance.uniform(0, self.pause))
        while self._age() < self.seconds:  # a visitor whose connection broke comes again
            try:
                with Visitor(self.url) as visitor:
                    uploaded = 0
                    while self._age() < self.seconds and uploaded < LIMITS.uploads:  # then the page is opened anew
                        began = time.monotonic()
                        if chance.random() < UPLOADS:
                            self._upload(visitor, chance)
                            uploaded += 1
                            self.uploads += 1
                        else:
                            visitor.sent(chance.choice(PAGES), "data=coloured-digits")
                        self.waits.append((began - self.began, time.monotonic() - began))
                        time.sleep(chance.expovariate(1 / self.pause))
            except Exception as error:
                self.errors.append((self._age(), f"{type(error).__name__}: {error}"[:200]))
                time.sleep(1)

    def _upload(self, visitor: Visitor, chance: random.Random) -> None:
        """Upload a picture on the page Retrieval, as a browser does, and wait for its neighbours."""
        page = visitor.sent("retrieval", "data=coloured-digits")
        uploader = next(
            delta.new_element.file_uploader.id
            for delta in page
            if delta.new_element.WhichOneof("type") == "file_uploader"
        )
        pixels = np.random.default_rng(chance.randrange(2**32)).integers(256, size=(480, 640, 3), dtype=np.uint8)
        picture, name = io.BytesIO(), f"soak-{chance.randrange(2**32)}"
        Image.fromarray(pixels).save(picture, "JPEG")
        address = f"/_stcore/upload_file/{visitor.session}/{name}"
        with httpx2.Client(base_url=self.url, timeout=60) as client:
            client.get("/_stcore/health")
            token = {"X-Xsrftoken": client.cookies["_streamlit_xsrf"]}
            client.put(address, files={"file": ("a.jpg", picture.getvalue())}, headers=token).raise_for_status()
        state = WidgetState(id=uploader)
        urls = FileURLs(file_id=name, upload_url=address, delete_url=address)
        state.file_uploader_state_value.uploaded_file_info.add(
            file_id=name, name="a.jpg", size=len(picture.getvalue()), file_urls=urls
        )
        visitor.sent("retrieval", "data=coloured-digits", [state])

    def _train(self, folder: Path) -> None:
        """Train, be killed after each third, and go on; at the end, stop."""
        own = {"VICREG_CACHE": str(folder / "cache"), "VICREG_RUNS": str(folder / "runs"), "OMP_NUM_THREADS": "1"}
        words = ["nice", sys.executable, "-m", "vicreg", "train", *TRAIN]
        for third in (1, 2, 3):
            self.training = process = subprocess.Popen(
                words, cwd=ROOT, env=dict(os.environ) | own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                out, _ = process.communicate(timeout=max(third * self.seconds / 3 - self._age(), 1))
                self.errors.append((self._age(), f"the training ended by itself: {out[-200:]}"))
            process.kill() if third < 3 else process.terminate()
            process.communicate()
        if process.returncode != 130:
            self.errors.append((self._age(), f"the training stopped with status {process.returncode}"))


def said(times: list[float]) -> str:
    """The quantiles of some waiting times."""
    if not times:
        return "nobody saw a page"
    return f"median {np.median(times):.2f} s, 95 % {np.quantile(times, 0.95):.2f} s, longest {max(times):.2f} s"


if __name__ == "__main__":
    main()
