"""The names of the terms in their colours, for st.markdown."""

from __future__ import annotations

from collections.abc import Sequence

from vicreg import charts
from vicreg.loss_terms import NAMES


def coloured(text: str, term: str) -> str:
    """Words after a square in the colour of a term, for st.markdown: coloured letters would be faint on light or dark."""
    return rf"$\textcolor{{{charts.TERM_COLOURS[term]}}}{{\blacksquare}}$ {text}"


def coloured_terms(names: Sequence[str] = NAMES) -> str:
    """The names of the terms in their colours: `variance, invariance and covariance`."""
    words = [coloured(name, name) for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
