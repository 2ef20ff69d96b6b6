"""The texts of a step with the numbers of the runs put in."""

from __future__ import annotations

import math

import streamlit as st

from vicreg.lessons import Figure, Step, filled, runs_by_title, value_of
from vicreg.lessons.run_numbers import shown


@st.cache_data(max_entries=256, ttl=60, show_spinner=False)  # a run that is trained again shows within a minute
def _values(_step: Step, known: str) -> dict[str, float]:
    runs, values = runs_by_title(), {}
    for figure in _step.figures:
        try:
            values[figure.name] = value_of(figure, runs)
        except ValueError:  # the run was removed or measured again since the lesson was checked
            values[figure.name] = math.nan
    return values


def values(step: Step) -> dict[str, float]:
    """The step's figures by name; NaN where a run no longer has one."""
    return _values(step, repr(step.figures))


def with_figures(step: Step, text: str) -> str:
    """A text of the step with its figures put in, as Markdown."""
    known = values(step)
    return filled(text, step.figures, lambda figure: known[figure.name])


def number(step: Step, figure: Figure) -> str:
    """One figure of the step, in words."""
    return shown(values(step)[figure.name], figure.decimals)
