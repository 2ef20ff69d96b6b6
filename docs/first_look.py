"""Write `ui/first_look.npz`: the views and numbers that the page Start shows first.

    python -m docs.first_look

Opens the page as its first visitor does, with nothing stored, and keeps what it computes.
"""

from __future__ import annotations

import importlib
import tempfile
from unittest import mock

import numpy as np
from streamlit.testing.v1 import AppTest

from benchmarks.viewers import ROOT
from ui import first_look

REPRESENTATIONS = importlib.import_module("ui.representations")  # `ui.representations` is a function


def main() -> None:
    """Write the file, and print its size."""
    first_look.write(computed())
    print(f"{first_look.FILE.relative_to(ROOT)}: {first_look.FILE.stat().st_size / 1e3:.0f} kB")


def computed() -> dict[str, np.ndarray]:
    """Everything that Start computes for its first visitor, by the keys of `first_look`."""
    found: dict[str, np.ndarray] = {}
    views, numbers = REPRESENTATIONS.compute_views, REPRESENTATIONS.compute_numbers

    def two_views(image, config, draw):
        found[first_look.views_key(image, config, draw)] = made = views(image, config, draw)
        return made

    def embed(run, images):
        made = numbers(run, images)
        found.update(
            {f"{first_look.numbers_key(run, images)} {name}": part for name, part in zip("yz", made, strict=True)}
        )
        return made

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict("os.environ", VICREG_RUNS=folder, HF_HUB_OFFLINE="1"),
        mock.patch.object(first_look, "_stored", dict),
        mock.patch.object(REPRESENTATIONS, "compute_views", two_views),
        mock.patch.object(REPRESENTATIONS, "compute_numbers", embed),
    ):
        page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
        if page.exception:
            raise SystemExit(f"the page Start failed: {page.exception[0].message}")
    return found


if __name__ == "__main__":
    main()
