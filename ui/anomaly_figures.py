"""The anomalies page: its headline, the AUROCs of each run, histograms, and the score of a visitor's picture."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import numpy as np
import pandas as pd
import streamlit as st

from ui.representations import roc
from ui.run_picker import (
    budget,
    bundled_runs,
    key_of,
    load_networks,
    measured_runs,
    metrics,
    networks,
    results,
    title,
)
from vicreg.data.catalogue import CATALOGUE
from vicreg.evaluation.anomaly_bank import Bank, bank_from_tables
from vicreg.evaluation.anomaly_score import KNOWN, Scoring
from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run
from vicreg.storage.json_values import JsonObject

EASY = 0.99  # from this AUROC on, runs can no longer be told apart
HARD = 0.8  # below this AUROC, anomalies count as hard to find
BINS = 60
OTHERS, LEFT_OUT = "Other pictures", "A class left out of the pictures to compare with"
GROUPS = (OTHERS, LEFT_OUT)
BANK = ("bank", "bank_basis", "bank_scale")  # tables
PAIR = tuple(KNOWN)[:2]  # the two scores whose difference the page shows
Aurocs = Mapping[str, float]  # by the name of the score


def lesson(
    untrained: Aurocs,
    trained: Aurocs,
    best: float,
    *,
    against: str,
    length: str,
) -> tuple[str, str]:
    """The headline that fits these AUROCs, and a sentence with the figures behind it.

    untrained, trained: AUROCs of the untrained and the trained network under both scores of PAIR. best: the highest of all
    runs under the first score. against: the anomalies' data set. length: of the training, such as `8 epochs`.
    """
    first, second = PAIR
    by_score = float(np.mean([abs(run[first] - run[second]) for run in (untrained, trained)]))
    by_training = float(np.mean([abs(untrained[name] - trained[name]) for name in PAIR]))
    if untrained[first] >= best:
        headline = "Anomalies: the untrained network finds them best"
    elif min(*untrained.values(), *trained.values()) >= EASY:
        headline = "Anomalies: even an untrained network finds them"
    elif by_score > by_training:
        headline = "Anomalies: the score decides more than the training"
    else:
        headline = "Anomalies: the training decides more than the score"
    sentence = (
        f"AUROC against {against}: **{untrained[first]:.3f}** without any training, **{trained[first]:.3f}** after {length}. "
        f"Scored another way (*{second}*): **{untrained[second]:.3f}** and **{trained[second]:.3f}**."
    )
    return headline, sentence


def lesson_of(dataset: str) -> tuple[str, str] | None:
    """The headline and sentence for a data set's bundled runs; None if the trained or the untrained run has no AUROC."""
    named, known = {}, {}
    for run in bundled_runs().values():
        if run.config.dataset == dataset:
            with suppress(RunError):  # the run picker names damaged runs
                if found := aurocs(run.metrics):
                    named[run.name], known[run.name] = run, found
    untrained, trained = known.get(f"{dataset}-untrained"), known.get(f"{dataset}-vicreg")
    if untrained is None or trained is None:
        return None
    run, first = named[f"{dataset}-vicreg"], next(iter(KNOWN))
    return lesson(
        untrained,
        trained,
        max(one[first] for one in known.values()),
        against=CATALOGUE[CATALOGUE[dataset].strangers[0]].title,
        length=budget(run),
    )


def left_out_words(runs: Mapping[str, Run]) -> str:
    """A sentence on how hard it is to find a class that was left out, before and after training; empty if not measured.

    runs: the data set's runs.
    """
    mean: dict[str, float] = {}
    first = next(iter(KNOWN))
    for run in runs.values():
        found = metrics(run).get("anomaly_sets", {}).get("mean_left_out", {}).get(first)
        if found is not None:  # bundled runs come first; an own one may have the same name
            mean.setdefault(run.name.removeprefix(f"{run.config.dataset}-"), found)
    if not {"untrained", "vicreg"} <= set(mean):
        return ""
    hard = "is far harder" if mean["vicreg"] < HARD else "is possible too"
    return (
        f"**Finding a class that was left out {hard}**: on average **{mean['untrained']:.2f}** untrained, "
        f"**{mean['vicreg']:.2f}** trained (*{first}*). "
    )


def aurocs(figures: JsonObject) -> dict[str, float]:
    """The AUROC under each score of KNOWN, from a run's metrics; empty if it was measured without anomalies."""
    found = figures.get("anomaly", {})
    return {name: found[name]["auroc"] for name in KNOWN} if found.get("n_anomalies") else {}


def anomaly_runs(first: Run) -> dict[str, Run]:
    """The data set's runs that were measured with anomalies, by title: the untrained network first."""
    found = {label: run for label, run in measured_runs(first).items() if aurocs(metrics(run))}
    return dict(sorted(found.items(), key=lambda entry: entry[1].baseline != "untrained"))


def short_title(run: Run) -> str:
    """A run's title without its data set: `vicreg, 8 epochs`, or the name of a baseline."""
    name = title(run).removeprefix(f"{run.config.dataset}/")
    return name.removesuffix(f", {budget(run)}") if run.baseline else name


def score_pairs(runs: Mapping[str, Run]) -> pd.DataFrame:
    """The AUROC of each run under both scores of PAIR, with its interval, as `charts.score_pairs` draws them."""
    rows = []
    for label, run in runs.items():
        for name in PAIR:
            found = metrics(run)["anomaly"][name]
            low, high = found["interval"]
            rows.append(
                {
                    "run": label,
                    "short": short_title(run),
                    "score": name,
                    "auroc": found["auroc"],
                    "low": low,
                    "high": high,
                }
            )
    return pd.DataFrame(rows)


def auroc_cells(runs: Mapping[str, Run], scoring: Scoring) -> pd.DataFrame:
    """The AUROC of each run for each kind of anomaly under a score, as `charts.auroc_cells` draws them."""
    keys = tuple((short_title(run), key_of(run)) for run in runs.values())
    return _auroc_cells(keys, scoring.column, runs, scoring).copy(deep=False)


@st.cache_resource(max_entries=32, show_spinner=False)
def _auroc_cells(
    keys: tuple[tuple[str, str], ...], column: str, _runs: Mapping[str, Run], _scoring: Scoring
) -> pd.DataFrame:
    rows = []
    for run in _runs.values():
        short = {"run": short_title(run)}
        curve = roc(run, _scoring)
        if curve is not None:
            low, high = curve.interval
            own = {
                **{"group": OTHERS, "name": CATALOGUE[CATALOGUE[run.config.dataset].strangers[0]].title},
                **{
                    "auroc": curve.auroc,
                    "low": low,
                    "high": high,
                    "n_anomalies": metrics(run)["anomaly"]["n_anomalies"],
                },
            }
            rows.append(short | own)
        if "anomaly_sets" in metrics(run) and run.has("anomaly_sets"):
            table = results(run, "anomaly_sets")
            for row in table[table["setting"] == column].to_dict("records"):
                known = row["kind"] == "set"
                name = CATALOGUE[row["name"]].title if known and row["name"] in CATALOGUE else row["name"]
                group = OTHERS if known else LEFT_OUT
                rows.append(
                    short
                    | {key: row[key] for key in ("auroc", "low", "high", "n_anomalies")}
                    | {"group": group, "name": name}
                )
    return pd.DataFrame(rows)


def scores_of(run: Run, scoring: Scoring) -> pd.DataFrame:
    """The pictures of a run's table `anomaly`: `index`, `label`, `anomaly`, and `score`, that of the scoring."""
    table = results(run, "anomaly")
    columns = {name: table[name].to_numpy() for name in ("index", "label", "anomaly")}
    return pd.DataFrame({**columns, "score": table[scoring.column].to_numpy()})


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


def told(table: pd.DataFrame, by: str, name: str) -> str:
    """The AUROCs of a table in words, for those who do not see the chart: `vicreg far 0.91, near 0.72; ...`."""
    parts: dict[str, list[str]] = {}
    digits = 3 if name == "score" else 2
    for group, one, auroc in zip(table[by], table[name], table["auroc"], strict=True):
        parts.setdefault(group, []).append(f"{one} {auroc:.{digits}f}")
    return "; ".join(f"{group} {', '.join(words)}" for group, words in parts.items())


@st.cache_resource(max_entries=4, show_spinner=False)
def _bank(key: str, _run: Run) -> Bank:
    figures = _run.metrics["anomaly_sets"]["bank"]
    tables = (_run.results(name) for name in BANK)
    return bank_from_tables(*tables, step=figures["step"], of=figures["of"])


def load_ahead(run: Run) -> None:
    """Load the network and the bank of a run, which `score_picture` needs. Needs no page. Raises errors of a run without."""
    load_networks(run)
    _bank(key_of(run), run)


def score_picture(run: Run, picture: np.ndarray, scoring: Scoring) -> float | None:
    """The anomaly score of a visitor's picture (32, 32, 3) uint8, from the run's bank.

    None, with a message on the page, if the run has no bank.
    """
    from vicreg.evaluation.encode import encode

    if "bank" not in metrics(run).get("anomaly_sets", {}) or not all(run.has(name) for name in BANK):
        st.info(
            f"`{run.title}` cannot score your picture yet. "
            f"Run `python -m vicreg evaluate {run.name} --only anomaly_sets` first.",
            icon=":material/info:",
        )
        return None
    try:
        bank = _bank(key_of(run), run)
        return float(bank.scores(encode(networks(run)[0], picture[None]), scoring)[0])
    except ValueError as error:
        st.warning(f"`{run.title}` cannot score your picture: {error}", icon=":material/broken_image:")
        return None


def place_of(run: Run, score: float, table: pd.DataFrame, named: str, things: str) -> str:
    """A sentence with the score of a visitor's picture, its rank among the run's pictures, and the error of the bank.

    table: `anomaly` (bool), `score`. named: the name of the score; the error is known for the scores in KNOWN.
    """
    normal, strange = (table[table["anomaly"] == group]["score"] for group in (False, True))
    words = (
        f"**Your picture has the score {score:.4g}** under `{title(run)}`: higher than **{_under(normal, score)} %** of the "
        "test pictures"
    )
    if len(strange):
        words += f" and than {_under(strange, score)} % of the {things}"
    error = metrics(run)["anomaly_sets"]["bank"].get(named)
    if error is None:
        return f"{words}."
    return (
        f"{words}. Only part of the train pictures is used, so these percentages are off: by {error['place']:.0f} points for "
        f"the median picture, and by at most {error['place_95']:.0f} points for 95 % of pictures."
    )


def bank_words(bank: JsonObject) -> str:
    """How a visitor's picture is scored, and with which error; for the protocol."""
    errors = "; ".join(
        f"under the score *{name}*, half of the images move by less than {bank[name]['place']:.1f} percentage points in "
        f"rank, and 95 % by less than {bank[name]['place_95']:.1f} (rank correlation {bank[name]['rank_correlation']:.3f})"
        + (
            f"; AUROC {bank[name]['auroc']:.3f}, exactly {bank[name]['auroc_exact']:.3f}"
            if "auroc" in bank[name]
            else ""
        )
        for name in KNOWN
    )
    return f"Your own picture: {bank['protocol']} {errors}."


def _under(scores: pd.Series, score: float) -> str:
    return f"{100 * float((scores < score).mean()):.1f}"
