"""The tables behind the charts and rankings of the anomalies page, kept for all visitors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ui.representations import roc
from ui.run_picker import budget, measured_runs, metrics, results, title
from ui.shared_cache import kept
from vicreg.data.catalogue import CATALOGUE
from vicreg.evaluation.anomaly_score import KNOWN, Scoring
from vicreg.runs.folder import Run
from vicreg.storage.json_values import JsonObject

BINS = 60
OTHERS, LEFT_OUT = "Other pictures", "A class left out of the comparison"
GROUPS = (OTHERS, LEFT_OUT)
PAIR = tuple(KNOWN)[:2]  # the two scores whose difference the page shows
Named = tuple[tuple[str, Run], ...]  # runs with their short titles


def short_title(run: Run) -> str:
    """A run's title without its data set: `vicreg, 8 epochs`, or the name of a baseline."""
    name = title(run).removeprefix(f"{run.config.dataset}/")
    return name.removesuffix(f", {budget(run)}") if run.baseline else name


def named(runs: Mapping[str, Run]) -> Named:
    """Runs with their short titles."""
    return tuple((short_title(run), run) for run in runs.values())


def aurocs(figures: JsonObject) -> dict[str, float]:
    """The AUROC under each score of KNOWN, from a run's metrics; empty if it was measured without anomalies."""
    found = figures.get("anomaly", {})
    return {name: found[name]["auroc"] for name in KNOWN} if found.get("n_anomalies") else {}


def anomaly_runs(first: Run) -> dict[str, Run]:
    """The data set's runs that were measured with anomalies, by title: the untrained network first."""
    found = {label: run for label, run in measured_runs(first).items() if aurocs(metrics(run))}
    return dict(sorted(found.items(), key=lambda entry: entry[1].baseline != "untrained"))


@dataclass(frozen=True)
class AurocTable:
    """AUROCs as a chart draws them. words: the same for those who do not see it: `vicreg far 0.91, near 0.72; ...`.

    columns: of `auroc_cells`, the names of the anomalies by group.
    """

    table: pd.DataFrame
    words: str
    columns: dict[str, list[str]]


def score_pairs(runs: Mapping[str, Run]) -> AurocTable:
    """The AUROC of each run under both scores of PAIR, with its interval, as `charts.score_pairs` draws them."""
    return _score_pairs(tuple(runs), named(runs))


@kept(most=16)
def _score_pairs(titles: tuple[str, ...], runs: Named) -> AurocTable:
    rows = []
    for label, (short, run) in zip(titles, runs, strict=True):
        for name in PAIR:
            found = metrics(run)["anomaly"][name]
            low, high = found["interval"]
            rows.append(
                {"run": label, "short": short, "score": name, "auroc": found["auroc"], "low": low, "high": high}
            )
    table = pd.DataFrame(rows)
    return AurocTable(table, _words(table, "short", "score", digits=3), {})


def auroc_cells(runs: Mapping[str, Run], scoring: Scoring, *, shown: Sequence[str]) -> AurocTable:
    """The AUROC of each run for each kind of anomaly under a score, as `charts.auroc_cells` draws them.

    shown: the short titles of the runs in the table. The columns are those of all runs.
    """
    return _auroc_cells(named(runs), scoring, tuple(shown))


@kept(most=32)
def _auroc_cells(runs: Named, scoring: Scoring, shown: tuple[str, ...]) -> AurocTable:
    table = pd.DataFrame([row for short, run in runs for row in _cells_of(short, run, scoring)])
    columns = {group: list(dict.fromkeys(table[table["group"] == group]["name"])) for group in GROUPS}
    inside = table[table["run"].isin(shown)]
    words = _words(inside, "run", "name", digits=2)
    return AurocTable(inside, words, {group: names for group, names in columns.items() if names})


def _cells_of(short: str, run: Run, scoring: Scoring) -> list[dict[str, object]]:
    """The cells of one run."""
    rows: list[dict[str, object]] = []
    curve = roc(run, scoring)
    if curve is not None:
        low, high = curve.interval
        other = CATALOGUE[CATALOGUE[run.config.dataset].strangers[0]].title
        count = metrics(run)["anomaly"]["n_anomalies"]
        figures = {"auroc": curve.auroc, "low": low, "high": high, "n_anomalies": count}
        rows.append({"run": short, "group": OTHERS, "name": other, **figures})
    if "anomaly_sets" in metrics(run) and run.has("anomaly_sets"):
        table = results(run, "anomaly_sets")
        for row in table[table["setting"] == scoring.column].to_dict("records"):
            of_set = row["kind"] == "set"
            name = CATALOGUE[row["name"]].title if of_set and row["name"] in CATALOGUE else row["name"]
            figures = {key: row[key] for key in ("auroc", "low", "high", "n_anomalies")}
            rows.append({"run": short, "group": OTHERS if of_set else LEFT_OUT, "name": name, **figures})
    return rows


def _words(table: pd.DataFrame, by: str, name: str, *, digits: int) -> str:
    parts: dict[str, list[str]] = {}
    for group, one, auroc in zip(table[by], table[name], table["auroc"], strict=True):
        parts.setdefault(group, []).append(f"{one} {auroc:.{digits}f}")
    return "; ".join(f"{group} {', '.join(words)}" for group, words in parts.items())


@kept(most=64)
def scores_of(run: Run, scoring: Scoring) -> pd.DataFrame:
    """The pictures of a run's table `anomaly`: `index`, `label`, `anomaly`, and `score`, that of the scoring."""
    table = results(run, "anomaly")
    columns = {name: table[name].to_numpy() for name in ("index", "label", "anomaly")}
    return pd.DataFrame({**columns, "score": table[scoring.column].to_numpy()})


@kept(most=64)
def ranking(run: Run, scoring: Scoring, *, with_anomalies: bool) -> pd.DataFrame:
    """`scores_of` from the highest score to the lowest, of all pictures or of the normal ones only."""
    table = scores_of(run, scoring)
    table = table if with_anomalies else table[~table["anomaly"]]
    return table.sort_values("score", ascending=False, kind="stable")


def score_bins(table: pd.DataFrame, groups: tuple[str, str], limits: tuple[float, float]) -> pd.DataFrame:
    """The shares of normal pictures and of anomalies per bin of scores. Scores beyond the limits count in the outermost bins.

    table: `anomaly` (bool), `score`. groups: names of the normal pictures and of the anomalies.
    """
    edges = np.linspace(*limits, BINS + 1)
    scores, anomaly = table["score"].to_numpy(), table["anomaly"].to_numpy()
    found = [
        (group, np.histogram(part.clip(*limits), edges)[0] / len(part))
        for group, part in zip(groups, (scores[~anomaly], scores[anomaly]), strict=True)
        if len(part)
    ]
    columns = {
        "group": np.repeat([group for group, _ in found], BINS),
        "low": np.tile(edges[:-1], len(found)),
        "high": np.tile(edges[1:], len(found)),
        "share": np.concatenate([shares for _, shares in found]),
    }
    return pd.DataFrame(columns)
