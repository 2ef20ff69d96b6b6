"""How a run's figures vary with the seed: the run stores the figures of the same training with other seeds.

An interval over test images does not show this variation. So we also compare a difference between two runs with it
(`apart`, `from_a_bar`): a difference within the spread of the seeds is not called a finding.

`python -m vicreg seeds RUN OTHER OTHER` writes the figures of the other runs to the section `seeds` of the run's
metrics.json. You may delete the other runs afterwards.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import METRICS_FILE

if TYPE_CHECKING:
    from vicreg.runs.folder import Run

SECTION = "seeds"
FIGURES: dict[str, Callable[[JsonObject], float | None]] = {
    "probe": lambda metrics: metrics["probe"]["accuracy"],
    "knn": lambda metrics: metrics["knn"]["accuracy"],
    "nearest_5_same_class": lambda metrics: metrics["retrieval"]["nearest_5_same_class"],
    "effective_rank": lambda metrics: metrics["spectrum"]["effective_rank"],
    "auroc_study": lambda metrics: metrics.get("anomaly", {}).get("study", {}).get("auroc"),
    "auroc_field": lambda metrics: metrics.get("anomaly", {}).get("field", {}).get("auroc"),
    "nmi": lambda metrics: metrics.get("clusters", {}).get("nmi"),
    "clusters": lambda metrics: metrics.get("clusters", {}).get("accuracy"),
}
PROTOCOL = "The same configuration, pictures and evaluation; nothing but the seed differs."
TAUGHT = " Neighbours are those of a teacher that was trained with the same seed."


class Spread(NamedTuple):
    """The range of a figure over several seeds."""

    least: float
    most: float
    seeds: int

    @property
    def width(self) -> float:
        """From the least to the most."""
        return self.most - self.least


class Apart(NamedTuple):
    """A difference compared with the spread over seeds. difference: >= 0. width: of that spread.

    seeds: how many seeds the spread covers. counts: whether the difference is larger and the ranges do not overlap.
    """

    difference: float
    width: float
    seeds: int
    counts: bool


def figures(metrics: JsonObject) -> dict[str, float]:
    """The available FIGURES, plus two for each attribute: its probe (`ink`) and the share of the five nearest that have the
    same value (`nearest_5_same_ink`)."""
    found = {name: figure(metrics) for name, figure in FIGURES.items()}
    for what, values in metrics.get("attributes", {}).items():
        found |= {what: values["accuracy"], f"nearest_5_same_{what}": values["nearest_5_same"]}
    return {name: value for name, value in found.items() if value is not None}


def spread(metrics: JsonObject, name: str) -> Spread | None:
    """The range of a figure over all seeds, including the run's own; None if there are no others."""
    known = others(metrics, name)
    if not known:
        return None
    known.append(figures(metrics)[name])
    return Spread(min(known), max(known), len(known))


def others(metrics: JsonObject, name: str) -> list[float]:
    """A figure of the other seeds, without the run's own; empty if there are none."""
    found = (seed["figures"].get(name) for seed in metrics.get(SECTION, {}).get("others", []))
    return [value for value in found if value is not None]


def apart(left: JsonObject, right: JsonObject, name: str) -> Apart | None:
    """How a figure's difference between two runs compares with the seeds; None where neither run has other seeds.

    left, right: metrics. A difference counts if it is larger than the wider of the two ranges over seeds, and the ranges do
    not overlap. A run with one seed is assumed to vary as much as the other run, up and down. Raises KeyError for a
    figure that a run does not have.
    """
    if not others(left, name) and not others(right, name):
        return None
    mine = [figures(metrics)[name] for metrics in (left, right)]
    spreads = [spread(metrics, name) for metrics in (left, right)]
    wider = max((one for one in spreads if one is not None), key=lambda one: one.width)
    known = [found or Spread(own - wider.width, own + wider.width, 1) for found, own in zip(spreads, mine, strict=True)]
    one, other = known
    overlap = one.least <= other.most and other.least <= one.most
    difference = abs(mine[0] - mine[1])
    return Apart(difference, wider.width, wider.seeds, difference > wider.width and not overlap)


def from_a_bar(metrics: JsonObject, name: str, bar: float) -> Apart | None:
    """How a figure's distance from a fixed number compares with its range over seeds; None without other seeds."""
    over = spread(metrics, name)
    if over is None:
        return None
    difference = abs(figures(metrics)[name] - bar)
    return Apart(difference, over.width, over.seeds, difference > over.width and not over.least <= bar <= over.most)


def with_seeds(run: Run, others: Sequence[Run]) -> Run:
    """Add the figures of other seeds to the metrics of a run, and write it.

    Raises ValueError unless the other runs differ in the seed only, also in precision, and were measured on the same images.
    """
    from vicreg.runs.folder import update_run
    from vicreg.runs.run_card import model_card
    from vicreg.storage.files import to_json

    entries: list[JsonObject] = []
    for other in others:
        _check(run, other)
        entries.append({"seed": other.config.seed, "figures": figures(other.metrics)})
    entries.sort(key=lambda entry: entry["seed"])
    seeds = [run.config.seed, *(entry["seed"] for entry in entries)]
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"each run must have a different seed, got {', '.join(map(str, seeds))}")
    protocol = PROTOCOL + (TAUGHT if any(other.config.teacher != run.config.teacher for other in others) else "")
    metrics = {**run.metrics, SECTION: {"others": entries, "protocol": protocol}}
    card = model_card(run.config, run.record, metrics, name=run.name)
    return update_run(run, {METRICS_FILE: to_json(metrics), "README.md": card.encode()})


def _check(run: Run, other: Run) -> None:
    if not run.metrics or not other.metrics:
        unmeasured = run if not run.metrics else other
        raise ValueError(f"{unmeasured.name} is not evaluated yet: run `python -m vicreg evaluate {unmeasured.name}`")
    same = dataclasses.replace(other.config, seed=run.config.seed)
    if same.teacher == f"{run.config.teacher}-seed-{other.config.seed}":  # trained with that seed as well
        same = dataclasses.replace(same, teacher=run.config.teacher)
    if same != run.config:
        fields = [f.name for f in dataclasses.fields(same) if getattr(same, f.name) != getattr(run.config, f.name)]
        raise ValueError(f"{other.name} differs from {run.name} in more than the seed: {', '.join(fields)}")
    images, others = (one.record["data"]["train"]["images"] for one in (run, other))
    if images != others:
        raise ValueError(f"{other.name} was trained on {others:,} images, {run.name} on {images:,}")
    precision, others_precision = (one.record.get("precision", "unknown") for one in (run, other))
    if precision != others_precision:
        raise ValueError(
            f"{other.name} was trained in another precision than {run.name}: {others_precision} and {precision}"
        )
    if other.metrics["probe"]["protocol"] != run.metrics["probe"]["protocol"]:
        raise ValueError(f"{other.name} and {run.name} were measured differently: evaluate both again")
    if other.metrics["sources"] != run.metrics["sources"]:
        raise ValueError(f"{other.name} and {run.name} were measured on different images")
