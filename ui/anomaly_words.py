"""What the anomalies page says of the runs: its headline, classes left out, and how a visitor's picture is scored."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from ui.anomaly_tables import PAIR, aurocs
from ui.run_picker import budget, bundled_runs, metrics
from vicreg.data.catalogue import CATALOGUE
from vicreg.evaluation.anomaly_score import KNOWN
from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run
from vicreg.storage.json_values import JsonObject

EASY = 0.99  # from this AUROC on, runs can no longer be told apart
HARD = 0.8  # below this AUROC, anomalies count as hard to find
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
        headline = "Anomalies: the score matters more than the training"
    else:
        headline = "Anomalies: the training matters more than the score"
    sentence = (
        f"AUROC against {against}: by the *{first}*'s score ({KNOWN[first].label}), the untrained network reaches "
        f"**{untrained[first]:.3f}**, and **{trained[first]:.3f}** after {length}. By the score usual in the *{second}* "
        f"({KNOWN[second].label}), it reaches **{untrained[second]:.3f}**, and then **{trained[second]:.3f}**."
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
        f"**Finding a class that was left out {hard}**: mean AUROC **{mean['untrained']:.2f}** untrained, "
        f"**{mean['vicreg']:.2f}** trained (*{first}*). "
    )


def bank_words(bank: JsonObject) -> str:
    """How a visitor's picture is scored, and with which error; for the protocol."""
    errors = "; ".join(
        f"under the score *{name}*, half of the images move by less than {bank[name]['place']:.1f} percentage points in "
        f"rank, and 95 % by less than {bank[name]['place_95']:.1f} (rank correlation {bank[name]['rank_correlation']:.3f})"
        + (
            f"; AUROC {bank[name]['auroc']:.3f} (exact: {bank[name]['auroc_exact']:.3f})"
            if "auroc" in bank[name]
            else ""
        )
        for name in KNOWN
    )
    return f"Your own picture: {bank['protocol']} Errors: {errors}."
