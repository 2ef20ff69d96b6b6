"""What Start shows first is stored, so that a new server draws its first page without torch."""

import os
import subprocess
import sys

import numpy as np

from benchmarks.viewers import ROOT
from docs.first_look import computed
from ui import first_look

# torch cannot be imported here. The others can, but must not be: each takes a third of a second or more.
SCRIPT = """
import sys
sys.modules["torch"] = None
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("app.py", default_timeout=120).run()
assert not page.exception, page.exception
assert len(page.title) == 1
print(*{"torchvision", "sklearn", "scipy", "altair", "pandas"} & set(sys.modules))
for name in sys.argv[1:]:
    page.switch_page(f"pages/{name}.py").run()
    assert not page.exception, name
    assert len(page.title) == 1
"""
OTHERS = sorted({file.stem for file in (ROOT / "pages").glob("*.py")} - {"start", "train"})  # Train measures the device


def test_the_first_page_of_a_new_server_needs_no_torch_and_most_others_neither(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("app.py", str(ROOT / "app.py")))
    found = subprocess.run(
        [sys.executable, str(script), *OTHERS],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "VICREG_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"},
    )
    assert found.returncode == 0, found.stderr
    assert not found.stdout.split()


def test_what_is_stored_is_what_start_would_compute():
    now, stored = computed(), first_look._stored()
    assert now.keys() == stored.keys(), "run `python -m docs.first_look`"
    for key, made in now.items():
        tolerance = 1 if made.dtype == np.uint8 else 1e-3  # grey levels, or parts of the scale
        assert np.allclose(made.astype(float), stored[key].astype(float), atol=tolerance), (
            "run `python -m docs.first_look`"
        )


def test_a_damaged_file_is_no_obstacle(tmp_path, monkeypatch):
    monkeypatch.setattr(first_look, "FILE", tmp_path / "first_look.npz")
    for content in (None, b"no archive"):
        if content is not None:
            first_look.FILE.write_bytes(content)
        first_look._stored.cache_clear()
        assert first_look._stored() == {}
    first_look._stored.cache_clear()
