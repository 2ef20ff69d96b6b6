"""How long a visitor's own picture takes on a server that has just started.

    python -m benchmarks.own_picture [--page anomalies] [--data cifar10] [--pause 0] [--trials 5] [--known]

Every trial starts a server, opens the page in headless Chromium, waits `--pause` seconds once the page offers an upload,
opens the uploader and hands it a photograph of 900 x 600 pixels. Measured: from there to the answer, and from opening the
address to the whole page. Needs Debian's `chromium`, playwright, and the pictures (VICREG_DATA). Every trial has a cache
without any file; with `--known`, one that the page has filled before, as on a server that is started again.
"""

import argparse
import io
import os
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from sklearn.datasets import load_sample_image

from benchmarks.lab import FLAGS
from benchmarks.viewers import served

ANSWERS = {"anomalies": "Your picture has the score", "retrieval": "pictures: mostly"}
LONGEST = 300_000  # milliseconds; the first search of a gallery encodes all of it


def main() -> None:
    """Print a line a trial, and the median."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", choices=ANSWERS, default="anomalies")
    parser.add_argument("--data", default="cifar10", help="data set")
    parser.add_argument("--pause", type=float, default=0, help="seconds between the page and opening the uploader")
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument(
        "--known", action="store_true", help="keep the cache; the first trial fills it and does not count"
    )
    options = parser.parse_args()
    found = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as kept:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        address = f"{options.page}?data={options.data}"
        for trial in range(options.trials + options.known):
            with tempfile.TemporaryDirectory() as fresh:
                folder = Path(kept if options.known else fresh)
                page, answer = timed(browser, folder, address, ANSWERS[options.page], options.pause)
            counts = trial > 0 or not options.known
            found += [answer] if counts else []
            print(f"page {page:.2f} s, answer {answer:.2f} s{'' if counts else ' (fills the cache)'}", flush=True)
        browser.close()
    print(f"{options.page}, {options.data}: median {median(found):.2f} s, {min(found):.2f} to {max(found):.2f}")


def timed(browser: Browser, folder: Path, address: str, words: str, pause: float) -> tuple[float, float]:
    """Seconds from the address to the whole page, and from handing over the picture to its answer."""
    with served(folder, dict(os.environ)) as url:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        began = time.perf_counter()
        page.goto(f"{url}/{address}")
        button = page.get_by_role("button", name="Your picture")
        button.wait_for(timeout=LONGEST)
        page.get_by_test_id("stStatusWidget").wait_for(state="detached", timeout=LONGEST)
        drawn = time.perf_counter() - began
        page.wait_for_timeout(1000 * pause)
        button.click()
        chooser = page.locator("input[type=file]")
        chooser.wait_for(state="attached")
        began = time.perf_counter()
        chooser.set_input_files({"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": photograph()})
        page.get_by_text(words).first.wait_for(timeout=LONGEST)
        answer = time.perf_counter() - began
        page.close()
        return drawn, answer


def photograph() -> bytes:
    """A photograph as a camera would save it, as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(load_sample_image("flower.jpg")).resize((900, 600)).save(buffer, "JPEG")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
