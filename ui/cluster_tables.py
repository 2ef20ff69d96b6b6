"""The clusters of a run: their names, colours, classes and pictures, kept for all visitors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ui.data_set_facts import class_colour, class_names, spec
from ui.run_picker import metrics, results
from ui.shared_cache import kept
from vicreg import charts
from vicreg.evaluation.clustering import majorities
from vicreg.runs.folder import Run

FEW = 100  # pictures; the name of a smaller cluster says how many it has
LARGEST = 10  # cells that a screen reader is told


@dataclass(frozen=True)
class Clusters:
    """The clusters of a run by number. names: number, and the class if more than half of the pictures share one.

    colours: of the class, or of no class. table: `cluster` (name), `class`, `count`, every pair. words: its largest cells.
    """

    names: list[str]
    colours: list[str]
    table: pd.DataFrame
    words: str

    @property
    def named(self) -> int:
        """How many have a class."""
        return sum(":" in name for name in self.names)


@kept(most=64)
def clusters_of(run: Run) -> Clusters:
    """The clusters of a run that was measured with them. A share of few pictures says of how many."""
    classes, noun = class_names(run), class_noun(run)
    rows, shape = results(run, "clusters"), (len(metrics(run)["clusters"]["matching"]), len(classes))
    counts = np.bincount(rows["cluster"] * shape[1] + rows["label"], minlength=shape[0] * shape[1]).reshape(shape)
    names, colours = [], []
    for i, (label, share) in enumerate(zip(*majorities(counts), strict=True)):
        size = counts[i].sum()
        of = f" of {size}" if size < FEW else ""
        has_class = share > 0.5
        names.append(f"#{i}: {noun}{classes[label]}, {100 * share:.0f} %{of}" if has_class else f"#{i}")
        colours.append(class_colour(label) if has_class else charts.UNNAMED_COLOURS[i % len(charts.UNNAMED_COLOURS)])
    pairs = {"cluster": np.repeat(names, len(classes)), "class": np.tile(classes, len(names)), "count": counts.ravel()}
    table = pd.DataFrame(pairs)
    largest = table.nlargest(LARGEST, "count")
    words = "; ".join(f"{cluster}, {name} {n}" for cluster, name, n in zip(*map(largest.get, largest), strict=True))
    return Clusters(names, colours, table, words)


@kept(most=64)
def members_of(run: Run, number: int) -> pd.DataFrame:
    """The pictures of a cluster, nearest to its centre first, as in the table `clusters`."""
    table = results(run, "clusters")
    return table[table["cluster"] == number].sort_values("distance", kind="stable")


@kept(most=64)
def shares_of(run: Run, number: int) -> str:
    """The four largest classes of a cluster, in words: `34 % cat, 20 % dog`."""
    share = members_of(run, number)["label"].value_counts(normalize=True).head(4)
    classes, noun = class_names(run), class_noun(run)
    return ", ".join(
        f"{100 * part:.0f} % {noun}{classes[label]}" for label, part in zip(share.index, share, strict=True)
    )


def class_noun(run: Run) -> str:
    """What stands before the name of a class that is only a number: `digit `, otherwise nothing."""
    return "digit " if spec(run).attributes else ""


@kept(most=16)
def scores_of(runs: tuple[tuple[str, Run], ...]) -> pd.DataFrame:
    """`run` (title), `silhouette` and `nmi` of each run, the tightest clusters first. runs: with their titles."""
    return pd.DataFrame(
        {"run": title, **{score: metrics(one)["clusters"][score] for score in ("silhouette", "nmi")}}
        for title, one in runs
    ).sort_values("silhouette", ascending=False)
