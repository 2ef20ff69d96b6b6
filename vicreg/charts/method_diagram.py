"""VICReg as a diagram: picture, two views, encoder, expander and the three terms, as SVG.

The constant parts are in `method_diagram.svg`; this module adds pictures, bars and terms.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from vicreg.loss_terms import TERMS, Term

BARS = 24  # numbers drawn per representation or embedding
WIDTH, HEIGHT = 120, 80  # of the boxes for the bars


def diagram(
    picture: str,
    views: tuple[str, str],
    *,
    representations: tuple[Sequence[float], Sequence[float]] | None = None,
    embeddings: tuple[Sequence[float], Sequence[float]] | None = None,
    scale: float | None = None,
) -> str:
    """An SVG of 1060 x 330 units that fills its container and uses the text colour of the page.

    picture, views: data URIs of square images. representations, embeddings: of both views; the first 24 numbers are drawn
    as bars (positive upwards), and grey boxes if there are none. scale: the boxes of embeddings reach from -scale to scale.
    Without it, and for representations, each box has its own scale.
    """
    y, other_y = representations or ((), ())
    z, other_z = embeddings or ((), ())
    return _template().substitute(
        picture=escape(picture),
        view=escape(views[0]),
        other_view=escape(views[1]),
        representation=_bars(y),
        other_representation=_bars(other_y),
        embedding=_bars(z, scale),
        other_embedding=_bars(other_z, scale),
        terms="".join([*(_bracket(912, 80, 240, term.colour) for term in TERMS if term.views == "pair"), *_terms()]),
    )


@functools.cache
def _template() -> Template:
    return Template(Path(__file__).with_suffix(".svg").read_text("utf-8"))


def _bars(values: Sequence[float], scale: float | None = None) -> str:
    numbers = [float(v) for v in values[:BARS]]
    low, high = (min([0.0, *numbers]), max([0.0, *numbers])) if scale is None else (-scale, scale)
    span = (high - low) or 1.0
    zero = HEIGHT * high / span
    bars = []
    for i, value in enumerate(min(max(v, low), high) for v in numbers):
        step, tall = WIDTH / len(numbers), HEIGHT * abs(value) / span
        top = zero - tall if value > 0 else zero
        bars.append(f'<rect x="{i * step + 0.5:.1f}" y="{top:.1f}" width="{step - 1:.1f}" height="{tall:.1f}"/>')
    return "".join(bars)


def _bracket(x: int, top: int, bottom: int, colour: str) -> str:
    return f'<path d="M{x},{top} h8 V{bottom} h-8" fill="none" stroke="{colour}" stroke-width="2.5"/>'


def _terms() -> list[str]:
    """The terms in a column, evenly spaced; all but the first and last are placed next to the bracket."""
    top, bottom, last = 26, 256, len(TERMS) - 1
    return [
        _term(915 if i in (0, last) else 926, round(top + (bottom - top) * i / last), term)
        for i, term in enumerate(TERMS)
    ]


def _term(x: int, y: int, term: Term) -> str:
    return (
        f'<g transform="translate({x},{y})"><text font-size="20" font-weight="700" fill="{term.colour}" y="16">'
        f'{term.name}</text><text font-size="20" fill="currentColor" y="38">{term.label}</text></g>'
    )
