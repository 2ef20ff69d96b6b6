"""The README's tables: made from the runs' figures, and the same as the README's own."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from vicreg.presets import presets
from vicreg.runs.folder import open_run
from vicreg.runs.readme_tables import TABLES, filled, run_table
from vicreg.storage import paths

README = Path(__file__).parents[2] / "README.md"


def a_run(name: str, *, probe: float = 50.0, baseline: str = "", **more):
    space = {
        "dimensions": 4,
        "typical_std": 0.25,
        "effective_rank": 2.0,
        "probe": {"accuracy": 40.0},
        "study_probe": {"accuracy": 30.0},
    }
    metrics = {
        "probe": {"accuracy": probe, "interval": [probe - 1, probe + 1]},
        "knn": {"accuracy": 45.0},
        "spectrum": {"effective_rank": 3.0},
        "spaces": {"y": space},
    }
    return SimpleNamespace(
        name=f"cifar10-{name}",
        baseline=baseline,
        config=presets()["vicreg"],
        record={"epochs": 8},
        metrics=metrics,
        **more,
    )


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]


def test_presets_come_first_then_other_runs_then_baselines():
    runs = [a_run(name) for name in ("untrained", "mine", "no-variance", "vicreg-long", "vicreg")]
    names = [row[0].strip("`") for row in rows(run_table("cifar10", runs))[2:]]
    assert names == ["vicreg", "no-variance", "mine", "vicreg-long", "untrained"]


def test_a_row_has_a_cell_for_every_column_and_missing_figures_are_empty():
    table = rows(run_table("spaces", [a_run("vicreg")]))
    assert {len(row) for row in table} == {1 + len(TABLES["spaces"][1])}
    assert table[2][1:] == ["0.25", "2.0 of 4", "40.00", "30.00", "", "", "", ""]  # it has no embeddings


def test_the_studys_figure_stands_beside_a_preset_and_not_beside_a_baseline():
    trained, untrained = rows(run_table("cifar10", [a_run("vicreg"), a_run("untrained", baseline="untrained")]))[2:]
    assert trained[1:4] == ["8 epochs", "50.00 (49.00 to 51.00)", "62.68"]
    assert untrained[1:4] == ["not trained", "50.00 (49.00 to 51.00)", ""]


def test_runs_without_figures_and_of_other_data_sets_are_left_out():
    other, unmeasured = a_run("vicreg"), a_run("vicreg")
    other.config, unmeasured.metrics = presets("coloured-digits")["vicreg"], {}
    assert len(rows(run_table("cifar10", [other, unmeasured]))) == 2


def test_only_what_stands_between_the_marks_is_replaced():
    text = "before\n<!-- table: cifar10 -->\nold\n<!-- end -->\nafter\n"
    made = filled(text, [a_run("vicreg")])
    assert made.startswith("before\n<!-- table: cifar10 -->\n\n| run |")
    assert made.endswith("|\n\n<!-- end -->\nafter\n")
    assert "old" not in made
    assert filled(made, [a_run("vicreg")]) == made
    with pytest.raises(ValueError, match="nonsense"):
        filled("<!-- table: nonsense -->\n<!-- end -->", [])


def test_the_readmes_tables_are_what_the_bundled_runs_measured():
    text = README.read_text("utf-8")
    assert set(TABLES) == {line.split()[2] for line in text.splitlines() if line.startswith("<!-- table: ")}
    runs = [open_run(config.parent) for config in sorted(paths.BUNDLED.glob("*/config.json"))]
    assert filled(text, runs) == text, "`python -m vicreg list --write README.md` makes them anew"
