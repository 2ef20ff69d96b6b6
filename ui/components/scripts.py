"""JavaScript of a component that stands in several files."""

from __future__ import annotations

import re
from pathlib import Path

LAST_CLICK = Path(__file__).with_name("last_click.js")
WHEN_IDLE = LAST_CLICK, Path(__file__).with_name("when_idle.js")


def joined(*files: Path) -> str:
    """The files as one script, each after those that it imports."""
    text = "\n".join(file.read_text("utf-8") for file in files)
    return re.sub(r"^import .*\n|^export (?!default)", "", text, flags=re.MULTILINE)
