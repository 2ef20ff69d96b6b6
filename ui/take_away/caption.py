"""The caption of a picture that visitors take away. The browser adds what it shows and the link."""

from __future__ import annotations

import re

from ui.page_figures import Shown

SENTENCE_END = re.compile(r"(?<!et al)(?<!eq)\.(?= [A-Z])")
LONGEST_PROTOCOL = 420  # letters


def caption(found: Shown) -> list[str]:
    """What stands under a picture besides what it shows and the link: the runs, their data, and the protocol."""
    lines = []
    if found.runs:
        word, sets = "Run" if len(found.runs) == 1 else "Runs", " and ".join(dict.fromkeys(found.runs.values()))
        lines.append(f"{word}: {'; '.join(found.runs)}. Data: {sets}.")
    if found.protocol:
        lines.append(f"Measured: {_shortened(_plain(found.protocol))}")
    return lines


def _plain(markdown: str) -> str:
    """Text without Markdown's signs and line breaks."""
    return re.sub(r"\s+", " ", re.sub(r"[*`$]|\\(?=[a-z])", "", markdown)).strip()


def _shortened(text: str) -> str:
    """Whole sentences, as many as fit."""
    if len(text) <= LONGEST_PROTOCOL:
        return text
    ends = [end.start() for end in SENTENCE_END.finditer(text[:LONGEST_PROTOCOL])]
    return text[: ends[-1] + 1] if ends else f"{text[:LONGEST_PROTOCOL].rsplit(' ', 1)[0]}…"
