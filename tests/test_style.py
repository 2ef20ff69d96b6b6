"""The code is formatted, free of what ruff finds, and its types fit together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("words", [["check", "--no-cache"], ["format", "--check", "--no-cache"]])
def test_ruff_finds_nothing(words):
    result = subprocess.run([sys.executable, "-m", "ruff", *words, "."], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_mypy_finds_nothing():
    words = [sys.executable, "-m", "mypy"]
    if not (ROOT / ".mypy_cache").exists():  # to write one takes a fifth of the time, and CI never reads it
        words += ["--cache-dir", os.devnull]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
