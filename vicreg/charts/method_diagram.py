"""VICReg as a diagram: picture, two views, encoder, expander and the three terms, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from vicreg.terms import TERMS, Term

BARS = 24  # numbers drawn per representation or embedding


def diagram(
    picture: str,
    views: tuple[str, str],
    *,
    representations: tuple[Sequence[float], Sequence[float]] | None = None,
    embeddings: tuple[Sequence[float], Sequence[float]] | None = None,
    scale: float | None = None,
) -> str:
    """An SVG of 1000 x 330 units that fills its container and uses the text colour of the page.

    picture, views: data URIs of square images. representations, embeddings: of both views; the first 24 numbers are drawn
    as bars (positive upwards), and grey boxes if there are none. scale: the boxes of embeddings reach from -scale to scale.
    Without it, and for representations, each box has its own scale.
    """
    parts = [
        '<svg viewBox="0 0 1000 330" width="100%" role="img" aria-labelledby="vicreg-diagram" '
        'style="max-height:430px;font-family:inherit" xmlns="http://www.w3.org/2000/svg">',
        '<title id="vicreg-diagram">One picture becomes two views; each goes through the encoder to a representation y '
        "and through the expander to an embedding z; the loss compares the embeddings.</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="currentColor"/></marker></defs>',
        _image(picture, 10, 105, 120),
        _text(70, 245, "one picture"),
        _arrow(135, 145, 188, 95),
        _arrow(135, 185, 188, 235),
    ]
    rows = ((30, "a view", "Y", "Z"), (190, "another view", "Y&#8242;", "Z&#8242;"))
    for i, (top, name, y, z) in enumerate(rows):
        middle = top + 50
        parts += [
            _image(views[i], 195, top, 100),
            _text(245, top + 120, name),
            _arrow(300, middle, 338, middle),
            _box(345, top + 15, 110, 70, "encoder"),
            _arrow(460, middle, 483, middle),
            _bars(representations[i] if representations else None, 490, top + 10, 120, 80),
            _text(550, top + 110, f"representation <tspan font-style='italic'>{y}</tspan>"),
            _arrow(615, middle, 643, middle),
            _box(650, top + 15, 100, 70, "expander"),
            _arrow(755, middle, 778, middle),
            _bars(embeddings[i] if embeddings else None, 785, top + 10, 120, 80, scale),
            _text(845, top + 110, f"embedding <tspan font-style='italic'>{z}</tspan>"),
        ]
    shared = 'stroke="currentColor" stroke-width="1" stroke-dasharray="3 4" opacity=".6"'
    parts += [
        f'<line x1="400" y1="117" x2="400" y2="203" {shared}/>',
        _text(400, 165, "same weights", size=13),
        f'<line x1="700" y1="117" x2="700" y2="203" {shared}/>',
        _text(700, 165, "same weights", size=13),
        *(_bracket(912, 80, 240, term.colour) for term in TERMS if term.views == "pair"),
        *_terms(),
    ]
    return "".join(parts) + "</svg>"


def _image(uri: str, x: int, y: int, side: int) -> str:
    return f'<image href="{escape(uri)}" x="{x}" y="{y}" width="{side}" height="{side}" style="image-rendering:pixelated"/>'


def _text(x: int, y: int, text: str, *, size: int = 15) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" font-size="{size}" fill="currentColor">{text}</text>'


def _arrow(x1: int, y1: int, x2: int, y2: int) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="currentColor" stroke-width="1.5" marker-end="url(#tip)"/>'


def _box(x: int, y: int, width: int, height: int, name: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="currentColor" fill-opacity=".08" '
        f'stroke="currentColor" stroke-width="1.5"/>'
        f'<text x="{x + width // 2}" y="{y + height // 2 + 6}" text-anchor="middle" font-size="17" '
        f'font-weight="600" fill="currentColor">{name}</text>'
    )


def _bars(values: Sequence[float] | None, x: int, y: int, width: int, height: int, scale: float | None = None) -> str:
    frame = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="none" stroke="currentColor" stroke-opacity=".35"/>'
    if values is None:
        return frame
    numbers = [float(v) for v in values[:BARS]]
    low, high = (min(0.0, *numbers), max(0.0, *numbers)) if scale is None else (-scale, scale)
    numbers = [min(max(v, low), high) for v in numbers]
    span = (high - low) or 1.0
    step = width / len(numbers)
    zero = y + height * high / span
    bars = []
    for i, value in enumerate(numbers):
        top = zero - height * value / span if value > 0 else zero
        bars.append(
            f'<rect x="{x + i * step + 0.5:.1f}" y="{top:.1f}" width="{step - 1:.1f}" '
            f'height="{height * abs(value) / span:.1f}" fill="currentColor" fill-opacity=".75"/>'
        )
    return frame + "".join(bars)


def _bracket(x: int, top: int, bottom: int, colour: str) -> str:
    return f'<path d="M{x},{top} h8 V{bottom} h-8" fill="none" stroke="{colour}" stroke-width="2.5"/>'


def _terms() -> list[str]:
    """The terms in a column, evenly spaced; all but the first and last are placed next to the bracket."""
    top, bottom, last = 30, 258, len(TERMS) - 1
    return [
        _term(915 if i in (0, last) else 926, round(top + (bottom - top) * i / last), term)
        for i, term in enumerate(TERMS)
    ]


def _term(x: int, y: int, term: Term) -> str:
    return (
        f'<g transform="translate({x},{y})"><text font-size="14" font-weight="700" fill="{term.colour}" y="14">'
        f'{term.name}</text><text font-size="12" fill="currentColor" y="30">{term.label}</text></g>'
    )
