"""Take the pictures of the README's tour: `python -m docs.screenshots`. Needs Chromium and requirements-dev.txt.

Every page is shown with the coloured digits, whose pictures may be copied; CIFAR-10's may not. The lab is filmed while the
variance term is switched off. Writes WebP files to docs/pictures.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Playwright, sync_playwright

from benchmarks.viewers import ROOT, served

PICTURES = Path(__file__).with_name("pictures")
WINDOW = {"width": 1280, "height": 720}
PART = {"x": 300, "y": 20, "width": 960, "height": 660}  # of the window: the page without the sidebar
SHOWN = (800, 550)  # as large as the README shows it
FRAMES, PAUSE = 24, 0.25  # of the film: how many, and seconds between two of them
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def settled(page: Page, address: str) -> None:
    """Open an address and wait until the page has drawn itself."""
    page.goto(address)
    page.locator("h1").first.wait_for()
    page.wait_for_timeout(2_000)
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    page.wait_for_timeout(5_000)  # what a page animates needs a while to show something


def small(png: bytes) -> Image.Image:
    """A screenshot at the size that the README shows."""
    return Image.open(io.BytesIO(png)).convert("RGB").resize(SHOWN, Image.Resampling.LANCZOS)


def film(page: Page) -> list[Image.Image]:
    """The lab: a network learns, then its variance term is switched off."""
    frames = []
    for number in range(FRAMES):
        if number == FRAMES // 3:
            page.get_by_role("switch", name="variance term", exact=True).click()
        frames.append(small(page.screenshot(clip=PART)))
        page.wait_for_timeout(1000 * PAUSE)
    return frames


def take(playwright: Playwright, names: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Take the pictures of some pages of a server of its own."""
    with served(folder, environment) as url:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        page = browser.new_page(viewport=WINDOW)
        page.set_default_timeout(120_000)
        for name in names:
            settled(page, f"{url}/{'' if name == 'start' else name}?data=coloured-digits")
            if name == "lab":
                first, *rest = film(page)
                first.save(
                    PICTURES / "lab.webp",
                    save_all=True,
                    append_images=rest,
                    duration=round(1000 * PAUSE),
                    loop=0,
                    quality=70,
                )
            else:
                small(page.screenshot(clip=PART)).save(PICTURES / f"{name}.webp", quality=80)
        browser.close()


def main() -> None:
    """Take the pictures of the pages named on the command line, or of all."""
    wanted = sys.argv[1:] or sorted(file.stem for file in (ROOT / "pages").glob("*.py"))
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        offline = dict(os.environ, HF_HUB_OFFLINE="1", VICREG_RUNS=folder)
        take(playwright, wanted, Path(folder), offline)


if __name__ == "__main__":
    main()
