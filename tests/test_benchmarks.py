"""The scripts of benchmarks/ start by the command that their text gives, and those that others name are there."""

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = sorted(file.stem for file in (ROOT / "benchmarks").glob("*.py"))
QUOTING = [
    *(ROOT / name for name in ("README.md", ".streamlit/config.toml")),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "vicreg").rglob("*.py"),
]


@pytest.mark.parametrize("name", NAMES)
def test_it_starts_as_its_text_says(name, monkeypatch, capsys):
    script = importlib.import_module(f"benchmarks.{name}")
    assert f"python -m benchmarks.{name}" in script.__doc__
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 0
    assert "usage" in capsys.readouterr().out


def test_every_script_that_is_quoted_is_there_and_called_as_a_module():
    quoted = "\n".join(file.read_text(encoding="utf-8") for file in QUOTING)
    assert set(re.findall(r"python -m benchmarks\.(\w+)", quoted)) <= set(NAMES)
    assert "benchmarks/" not in quoted.replace("`benchmarks/`", "")  # `python benchmarks/x.py` would not find vicreg
