"""Embeddings of several pictures as bars, for several runs on one scale, so that collapse is visible."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

NUMBERS = 24  # numbers drawn per embedding
LEAST = 2.0  # minimum end of the scale: twice the standard deviation that the variance term requires
LEFT, HEIGHT = 165, 74  # the width of the names, and the height of one row of boxes


def embedding_scale(*embeddings: np.ndarray) -> float:
    """The end of a common scale for embeddings (n, D): the largest of their first 24 numbers, and at least 2."""
    return max(LEAST, *(float(abs(z[:, :NUMBERS]).max()) for z in embeddings))


def embedding_bars(
    pictures: Sequence[tuple[str, str]], rows: Sequence[tuple[str, str, np.ndarray]], *, scale: float
) -> str:
    """An SVG: one column per picture, one row of boxes per run. Bars show the first view, dots the second.

    pictures: data URIs of both views. rows: name, colour and embeddings (n, 2, D) of each run. scale: the value at the
    top of every box; longer bars are cut off.
    """
    count = len(pictures)
    step = (1000 - LEFT) / count
    side = min(52, int(step / 2) - 3)
    height = side + 12 + HEIGHT * len(rows)
    parts = [
        f'<svg viewBox="0 0 1000 {height}" width="100%" role="img" aria-labelledby="embedding-bars" '
        'style="font-family:inherit" xmlns="http://www.w3.org/2000/svg">',
        f'<title id="embedding-bars">Embeddings of {count} pictures, all on one scale from -{scale:.2f} to {scale:.2f}. '
        + " ".join(f"{escape(name)}: largest {abs(z[:, :, :NUMBERS]).max():.2f}." for name, _, z in rows)
        + "</title>",
        f'<text x="0" y="{side / 2 + 5}" font-size="19" fill="currentColor">two views each</text>',
    ]
    for i, pair in enumerate(pictures):
        for k, uri in enumerate(pair):
            x = LEFT + i * step + k * (side + 3)
            parts.append(
                f'<image href="{escape(uri)}" x="{x:.1f}" y="0" width="{side}" height="{side}" '
                'style="image-rendering:pixelated"/>'
            )
    for row, (name, colour, z) in enumerate(rows):
        top = side + 12 + row * HEIGHT
        parts.append(
            f'<text x="0" y="{top + 32}" font-size="19" font-weight="600" fill="currentColor">{escape(name)}</text>'
            f'<rect x="0" y="{top + 40}" width="40" height="4" fill="{colour}"/>'
        )
        parts += [_box(z[i], LEFT + i * step, top, step - 8, HEIGHT - 10, colour, scale) for i in range(count)]
    return "".join(parts) + "</svg>"


def _box(z: np.ndarray, x: float, y: float, width: float, height: float, colour: str, scale: float) -> str:
    """The box of one picture. z: (2, D), the embeddings of its two views."""
    middle, wide = y + height / 2, width / NUMBERS
    parts = [
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}" fill="none" stroke="currentColor" '
        f'stroke-opacity=".35"/><path d="M{x:.1f},{middle} h{width:.1f}" stroke="currentColor" stroke-opacity=".35"/>'
    ]
    first, second = (z[:, :NUMBERS] / scale).clip(-1, 1) * height / 2
    for j, (a, b) in enumerate(zip(first, second, strict=True)):
        left = x + j * wide
        parts.append(
            f'<rect x="{left + 0.4:.1f}" y="{middle - max(a, 0):.1f}" width="{wide - 0.8:.1f}" height="{abs(a):.1f}" '
            f'fill="{colour}"/><circle cx="{left + wide / 2:.1f}" cy="{middle - b:.1f}" r="1.3" fill="currentColor"/>'
        )
    return "".join(parts)
