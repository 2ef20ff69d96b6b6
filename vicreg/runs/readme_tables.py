"""The README's tables of runs, generated from their metrics: `python -m vicreg list --write README.md`.

Each table is between two comments, `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from vicreg.config import BASELINES
from vicreg.presets import PRESETS
from vicreg.runs import seeds
from vicreg.runs.folder import Run
from vicreg.storage.json_values import JsonObject
from vicreg.study_results import study_probe

Column = tuple[str, Callable[[Run], str]]


def accuracy(figure: JsonObject, *, name: str = "accuracy") -> str:
    """An accuracy in percent with its interval, such as `74.15 (73.27 to 75.02)`."""
    low, high = figure["interval"]
    return f"{figure[name]:.2f} ({low:.2f} to {high:.2f})"


def _budget(run: Run) -> str:
    return "not trained" if run.baseline else f"{run.record['epochs']} epochs"


def _study(run: Run) -> str:
    found = None if run.baseline else study_probe(run.config)
    return "" if found is None else str(found)


def _auroc(run: Run) -> str:
    found = run.metrics.get("anomaly", {}).get("study", {}).get("auroc")
    return "" if found is None else f"{found:.3f}"


def _nmi(run: Run) -> str:
    found = run.metrics.get("clusters")
    return "" if found is None else f"{found['nmi']:.3f}"


def _of_space(space: str, figure: Callable[[JsonObject], str]) -> Callable[[Run], str]:
    def cell(run: Run) -> str:
        found = run.metrics.get("spaces", {}).get(space)
        return "" if found is None else figure(found)

    return cell


def _typical(space: JsonObject) -> str:
    return f"{space['typical_std']:.3g}" if "typical_std" in space else ""


def _attribute(name: str, figure: Callable[[JsonObject], str]) -> Callable[[Run], str]:
    return lambda run: figure(run.metrics["attributes"][name])


def _seeds(run: Run) -> str:
    over = seeds.spread(run.metrics, "probe")
    return "" if over is None else str(over.seeds)


def _over_seeds(name: str) -> Callable[[Run], str]:
    def cell(run: Run) -> str:
        over = seeds.spread(run.metrics, name)
        return "" if over is None else f"{over.least:.1f} to {over.most:.1f}"

    return cell


# The columns; `list` and the README share them.
FIGURES: tuple[Column, ...] = (
    ("linear probe, % (95 % interval)", lambda run: accuracy(run.metrics["probe"])),
    ("the study, %", _study),
    ("kNN, %", lambda run: f"{run.metrics['knn']['accuracy']:.2f}"),
    ("effective rank", lambda run: f"{run.metrics['spectrum']['effective_rank']:.2f}"),
    ("AUROC, MNIST (study's score)", _auroc),
    ("clusters, NMI", _nmi),
)
TABLES: dict[str, tuple[str, tuple[Column, ...]]] = {
    "cifar10": ("cifar10", (("budget", _budget), *FIGURES)),
    "spaces": (
        "cifar10",
        (
            ("y: spread", _of_space("y", _typical)),
            ("rank", _of_space("y", lambda s: f"{s['effective_rank']:.1f} of {s['dimensions']}")),
            ("probe, %", _of_space("y", lambda s: f"{s['probe']['accuracy']:.2f}")),
            ("study's probe, %", _of_space("y", lambda s: f"{s['study_probe']['accuracy']:.2f}")),
            ("z: spread", _of_space("z", _typical)),
            ("rank", _of_space("z", lambda s: f"{s['effective_rank']:.1f} of {s['dimensions']}")),
            ("probe, %", _of_space("z", lambda s: f"{s['probe']['accuracy']:.2f}")),
            ("study's probe, %", _of_space("z", lambda s: f"{s['study_probe']['accuracy']:.2f}")),
        ),
    ),
    "coloured-digits": (
        "coloured-digits",
        (
            ("digit (95 % interval)", lambda run: accuracy(run.metrics["probe"])),
            ("ink", _attribute("ink", accuracy)),
            ("paper", _attribute("paper", accuracy)),
            ("nearest: digit", lambda run: f"{run.metrics['retrieval']['nearest_5_same_class']:.2f}"),
            ("ink", _attribute("ink", lambda f: f"{f['nearest_5_same']:.2f}")),
            ("paper", _attribute("paper", lambda f: f"{f['nearest_5_same']:.2f}")),
        ),
    ),
    "seeds": (
        "coloured-digits",
        (
            ("seeds", _seeds),
            ("digit, %", _over_seeds("probe")),
            ("ink", _over_seeds("ink")),
            ("paper", _over_seeds("paper")),
            ("nearest: digit", _over_seeds("nearest_5_same_class")),
            ("ink", _over_seeds("nearest_5_same_ink")),
            ("paper", _over_seeds("nearest_5_same_paper")),
        ),
    ),
}


def run_table(name: str, runs: Sequence[Run]) -> str:
    """One of TABLES in Markdown: one row per evaluated run of its data set, presets first, baselines last."""
    dataset, columns = TABLES[name]
    order = [*PRESETS, "", *BASELINES]
    shown = [run for run in runs if run.config.dataset == dataset and run.metrics]

    def place(run: Run) -> tuple[int, str]:
        own = run.name.removeprefix(f"{dataset}-")
        return order.index(own if own in order else ""), own

    lines = [
        "| " + " | ".join(["run", *(title for title, _ in columns)]) + " |",
        "| " + " | ".join(["---"] * (1 + len(columns))) + " |",
    ]
    for run in sorted(shown, key=place):
        cells = [cell(run) for _, cell in columns]
        if any(cells):  # else none of it was measured
            lines.append("| " + " | ".join([f"`{run.name.removeprefix(f'{dataset}-')}`", *cells]) + " |")
    return "\n".join(lines)


def filled(text: str, runs: Sequence[Run]) -> str:
    """The text with all marked tables regenerated. Raises ValueError for an unknown table."""

    def table(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in TABLES:
            raise ValueError(f"there is no table {name!r}; available: {', '.join(TABLES)}")
        return f"<!-- table: {name} -->\n\n{run_table(name, runs)}\n\n<!-- end -->"

    return re.sub(r"<!-- table: ([\w-]+) -->\n.*?<!-- end -->", table, text, flags=re.DOTALL)
