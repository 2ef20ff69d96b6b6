"""The text of every chart: its size, and the page's own text colour, which can be read on light and dark themes."""

from __future__ import annotations

from typing import TypeVar

from altair.vegalite.v6.schema.mixins import ConfigMethodMixin

TEXT = 13  # pixels of the smallest text; presenter mode enlarges charts at least by 18 / TEXT
INK = "currentColor"  # in an SVG: the text colour of the page around it
Chart = TypeVar("Chart", bound=ConfigMethodMixin)


def lettered(chart: Chart) -> Chart:
    """The chart with readable axes, legends, titles and numbers. The chart's own settings win. Returns a new chart."""
    chart = chart.configure_axis(labelFontSize=TEXT, titleFontSize=TEXT, labelColor=INK, titleColor=INK, labelLimit=160)
    chart = chart.configure_legend(labelFontSize=TEXT, titleFontSize=TEXT, labelColor=INK, titleColor=INK)
    return chart.configure_title(color=INK).configure_text(fontSize=TEXT, color=INK)
