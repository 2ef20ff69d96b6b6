"""The map of 10,000 pictures in a browser: frames a second while it is moved, as dots and as pictures.

    python -m benchmarks.picture_map [--cores 2] [--seconds 4] [--data cifar10]

Serves the app, opens Maps with every test picture on one map in headless Chromium without a GPU (all pixels are the
CPU's work, as on a machine without one), and moves the map at each frame. Needs Debian's `chromium` and playwright.
CPU: milliseconds of the page's thread a frame, all its work and not the drawing alone; where other programs use the
cores it stays as it is, and frames a second fall. Without the pictures, VICREG_DATA unset, only dots are measured.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.lab import FLAGS
from benchmarks.viewers import served

# One key a frame, to the left and back; returns frames, milliseconds, the points in sight, and the map's size.
MOVE = """async ([seconds, zoom]) => {
  const all = [...document.querySelectorAll("*")].map((one) => one.shadowRoot?.querySelector(".picture-map"));
  const map = all.find(Boolean) ?? document.querySelector(".picture-map"), canvas = map.querySelector(".over");
  const press = (key) => canvas.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  press("0");
  for (let i = 0; i < zoom; i++) press("+");
  const frame = () => new Promise(requestAnimationFrame), sights = [];
  await frame(); await frame();
  const began = performance.now();
  let frames = 0;
  while (performance.now() - began < 1000 * seconds) {
    press(Math.floor(frames / 20) % 2 ? "ArrowLeft" : "ArrowRight");
    await frame();
    frames += 1;
    sights.push(Number(map.dataset.points));
  }
  const middle = (values) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)];
  return [frames, performance.now() - began, middle(sights), canvas.width, canvas.height];
}"""
SCENES = {"whole map, dots": 0, "zoomed 3.8 times": 4, "zoomed 14.8 times": 8}


def main() -> None:
    """Print a line a scene."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=2, help="that the browser may use")
    parser.add_argument("--seconds", type=float, default=4, help="of moving, a scene")
    parser.add_argument("--data", default="cifar10", help="data set; coloured-digits has 1,000 pictures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), dict(os.environ)) as url:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])  # children take it over
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            load = os.getloadavg()[0]
            print(f"Chromium {browser.version}, {options.cores} core(s), no GPU; load average {load:.1f}")
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"{url}/maps?data={options.data}&beside=none&everything=true")
            page.locator(".picture-map .over").first.wait_for(timeout=120_000)
            page.wait_for_timeout(8_000)  # until the pictures are here
            for scene, zoom in SCENES.items():
                measure(page, scene, zoom, options.seconds)
            browser.close()


def measure(page: Page, scene: str, zoom: int, seconds: float) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * one["value"] for one in metrics if one["name"] == "TaskDuration")

    before = busy()
    frames, passed, sight, width, height = page.evaluate(MOVE, [seconds, zoom])
    cpu = (busy() - before) / frames
    print(
        f"{scene:<20}{1000 * frames / passed:>6.0f} frames/s{cpu:>8.1f} ms of CPU a frame, {sight:,.0f} points in sight, "
        f"{width} x {height}"
    )


if __name__ == "__main__":
    main()
