"""A few figures on one axis: where the axis begins, where things lie on it, and what a screen reader is told."""

import re

import pytest

from vicreg.charts.figures_on_an_axis import axis_limits, figures_on_an_axis

ROWS = [("one", "#c3003c", 20.0, (10.0, 30.0), "20.00"), ("<two>", "", 80.0, None, "80.00")]


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ((54.44, 74.63, 20), (0, 80)),  # far apart: from zero
        ((32, 50), (0, 60)),
        ((0.0, 0.0), (0, 0.2)),
        ((-5, 20), (-5, 25)),
    ],
)
def test_an_axis_starts_at_zero_or_below(numbers, wanted):
    assert axis_limits(numbers) == pytest.approx(wanted)


@pytest.mark.parametrize("numbers", [(53.24, 55.06), (0.9990, 0.9994), (0.651, 0.669)])
def test_an_axis_of_numbers_that_zero_would_squeeze_is_closer_and_holds_them_all(numbers):
    low, high = axis_limits(numbers)
    assert 0 < low < min(numbers)
    assert max(numbers) < high
    assert high - low < 3 * (max(numbers) - min(numbers))


def test_figures_lie_at_their_place_on_the_axis():
    drawn = figures_on_an_axis(ROWS, axis="linear probe, %", bar=50, bar_label="the study")
    # the axis goes from 0 to 100 between 2 and 98 % of the width
    assert axis_limits([20, 80, 10, 30, 50]) == (0, 100)
    assert re.findall(r'<circle cx="([\d.]+)%"', drawn) == ["21.20", "78.80"]
    assert 'x1="11.60%" x2="30.80%"' in drawn  # the interval
    assert drawn.count('x1="50.00%" x2="50.00%"') == 2  # the bar, beside each figure
    assert "linear probe, %. Dashed: the study, 50. Band: 95 % interval over test pictures" in drawn
    assert 'aria-label="one 20.00; &lt;two&gt; 80.00"' in drawn
    assert "<two>" not in drawn


def test_an_axis_that_does_not_start_at_zero_says_so():
    rows = [("a", "", 54.4, (53.7, 55.1), "54.40"), ("b", "", 53.9, (53.2, 54.6), "53.90")]
    assert re.search(r"share, % \(the axis starts at 5[\d.]+\)", figures_on_an_axis(rows, axis="share, %"))


def test_other_seeds_are_ticks_beside_their_figure_and_the_axis_holds_them():
    drawn = figures_on_an_axis(ROWS, axis="share, %", seeds=[(40.0, 95.0), ()])
    assert re.findall(r'class="seed" x1="([\d.]+)%"', drawn) == ["40.40", "93.20"]  # of 2 to 98 %, from 0 to 100
    assert "Ticks: other seeds" in drawn
