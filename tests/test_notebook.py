"""docs/vicreg.ipynb: every cell runs, in order, offline, and gives the app's own figures."""

import ast
import json
from pathlib import Path

import pytest

from vicreg.charts import alt

FOLDER = Path(__file__).parents[1] / "docs"
CODE = [
    cell for cell in json.loads((FOLDER / "vicreg.ipynb").read_text("utf-8"))["cells"] if cell["cell_type"] == "code"
]


def shown(cell: str, names: dict[str, object]) -> object:
    """Run a cell as a notebook does, and return what its last line shows."""
    *lines, last = ast.parse(cell).body
    exec(compile(ast.Module(lines, []), "vicreg.ipynb", "exec"), names)
    assert isinstance(last, ast.Expr)
    return eval(compile(ast.Expression(last.value), "vicreg.ipynb", "eval"), names)


def test_outputs_are_stripped():
    assert not [cell for cell in CODE if cell["outputs"] or cell["execution_count"] is not None]


def test_every_cell_runs_three_draw_figures_and_the_last_agrees_with_the_app(monkeypatch, tmp_path):
    monkeypatch.chdir(FOLDER)
    monkeypatch.setenv("VICREG_CACHE", str(tmp_path))
    names: dict[str, object] = {}
    answers = [shown("".join(cell["source"]), names) for cell in CODE]
    drawn = [answer for answer in answers if isinstance(answer, alt.TopLevelMixin)]
    assert len(drawn) == 3
    assert all(chart.to_dict() for chart in drawn)
    table = answers[-1]
    assert table["here, %"].tolist() == pytest.approx(table["in the app, %"].tolist(), abs=0.3)
