"""The lab in a browser: steps and frames a second, and how long each collapse takes from the click.

    python -m benchmarks.lab [--cores 1] [--seconds 8]

Serves the app, opens the page in headless Chromium on that many cores, and drives it as a student does. Needs Debian's
`chromium` and playwright. Steps and frames: at full speed, over the last 120 steps and 60 frames. The clicks: at the
speed that the page opens with, 60 steps a second at most.
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.viewers import served

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
STATE = """() => {
  const all = [...document.querySelectorAll("*")].map((element) => element.shadowRoot?.querySelector(".lab"));
  const lab = all.find((element) => element?.dataset.steps);
  return lab ? { ...lab.dataset } : null;
}"""


def main() -> None:
    """Print the rates, then the seconds from each click until its effect is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=1, help="that the browser may use")
    parser.add_argument("--seconds", type=float, default=8, help="of training before rates are read")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), dict(os.environ)) as url:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])  # children take it over
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            print(f"Chromium {browser.version}, {options.cores} core(s), 1280 x 720, 400 pictures")
            for query in ("dimensions=2", "dimensions=8"):
                rates(browser.new_page(viewport={"width": 1280, "height": 720}), f"{url}/lab?{query}", options.seconds)
            clicks(browser.new_page(viewport={"width": 1280, "height": 720}), f"{url}/lab")
            browser.close()


def rates(page: Page, address: str, seconds: float) -> None:
    """Steps and frames a second at full speed."""
    page.goto(address)
    reached(page, lambda state: int(state["steps"]) > 0, 60)
    page.get_by_label("Speed").select_option("full")
    time.sleep(seconds)
    state = page.evaluate(STATE)
    print(f"{address.split('?')[1]:<14}{state['rate']:>8} steps/s{state['frames']:>8} frames/s")
    page.close()


def clicks(page: Page, address: str) -> None:
    """Seconds from the click to the effect: variance is switched off after 300 steps, the others start a new network."""
    page.goto(address)
    reached(page, lambda state: int(state["steps"]) >= 300, 60)
    page.get_by_role("switch", name="variance term", exact=True).click()
    report("variance off: every std under .02", *reached(page, lambda state: max(stds(state)) < 0.02, 30))
    for button, option, name, effect in (
        (
            "Covariance off",
            "A line",
            "covariance off: eigenvalues' ratio under .02",
            lambda state: float(state["thin"]) < 0.02 and max(stds(state)) > 0.5,
        ),
        (
            "Invariance off",
            "Ink and paper",
            "invariance off: ink at least .5",
            lambda state: share(state)[1] >= 0.5 and max(stds(state)) > 0.5,
        ),
        (
            "Everything on, D = 8",
            "Neither",
            "everything on, D = 8: digit at least .85",
            lambda state: share(state)[0] >= 0.85,
        ),
    ):
        page.get_by_role("button", name=button, exact=True).click()
        page.get_by_role("button", name=option, exact=True).click()
        report(name, *reached(page, effect, 60))


def reached(page: Page, effect, limit: float) -> tuple[float, dict]:
    """Waits for an effect; the seconds that it took (infinite after the limit), and the state then."""
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < limit:
        state = page.evaluate(STATE)
        if state and effect(state):
            return passed, state
        time.sleep(0.05)
    return float("inf"), state


def report(name: str, seconds: float, state: dict) -> None:
    std = f"{min(stds(state)):.3f} to {max(stds(state)):.3f}"
    print(
        f"{name:<46}{seconds:>6.1f} s  step {state['steps']}, std {std}, ratio {state['thin']}, shares {state['share']}"
    )


def stds(state: dict) -> list[float]:
    return [float(value) for value in state["std"].split()]


def share(state: dict) -> list[float]:
    return [float(value) for value in state["share"].split()] or [0.0, 0.0, 0.0]


if __name__ == "__main__":
    main()
