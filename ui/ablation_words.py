"""What the Ablations page says of a run, computed from its figures: what probes still read, and at which layer most."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from ui.ablation_panels import layers_frame
from ui.run_picker import metrics, study
from ui.shared_cache import kept
from ui.short_numbers import short
from vicreg.data.catalogue import CATALOGUE
from vicreg.evaluation.collapse_verdict import verdict
from vicreg.loss_terms import TERMS
from vicreg.presets import ABLATIONS
from vicreg.runs import seeds
from vicreg.runs.folder import Run
from vicreg.storage.json_values import JsonObject
from vicreg.study_results import STUDY_DATASET

WITHOUT = {f"no-{term.name}": f"**Without the {term.name} term,** {term.without}" for term in TERMS} | {
    "vicreg": "**Nothing is left out**: the three terms hold each other in balance.",
    "neighbour-views": "**Neighbours instead of views**: the partner of a picture is not a view of it, but one of the 3 "
    "pictures that an earlier network found nearest, both without augmentation. Nothing tells the network to ignore "
    "colour or crop.",
}


def without(preset: str) -> str:
    """What a preset leaves out of the method; for one that has no sentence here, the settings that it changes."""
    changed = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in ABLATIONS[preset].items())
    return WITHOUT.get(preset, f"**Other settings** than those of `vicreg`: {changed}.")


def ablated(full: Run, preset: str, runs: Mapping[str, Run]) -> Run | None:
    """The run that differs from `full`, the run of `vicreg`, in nothing but a preset's part; None if there is none."""
    title = _ablated(full, preset, runs)
    return None if title is None else runs[title]


@kept(most=32)
def _ablated(full: Run, preset: str, runs: Mapping[str, Run]) -> str | None:
    """`ablated` by its title: what is kept holds no run, because a run holds its network once it has been asked for it."""
    wanted = dataclasses.replace(full.config, preset=preset, **ABLATIONS[preset])

    def same(run: Run) -> bool:
        alike = dataclasses.replace(run.config, preset=preset) == wanted and run.numbering == full.numbering
        images = run.record["data"]["train"]["images"] == full.record["data"]["train"]["images"]
        return alike and images and not run.baseline

    return next((title for title, run in runs.items() if same(run)), None)


def probes_in_words(run: Run, preset: str, *, untrained: JsonObject | None) -> str:
    """What is left out, what probes read from y and z of the run, and what they read before training.

    untrained: the section `spaces` of the same encoder before training.
    """
    y, z = metrics(run)["spaces"]["y"], metrics(run)["spaces"]["z"]
    chance = CATALOGUE[run.config.dataset].chance
    words = (
        f"{without(preset)}\n\n**The loss acts on $z$, and we keep $y$,** which comes before the expander: a probe "
        f"reaches {z['probe']['accuracy']:.1f} % on $z$ (guessing: {chance:.3g} %) and {y['probe']['accuracy']:.1f} % "
        "on $y$. Our probe divides every dimension by its standard deviation first, so that dimensions with a small spread "
        "count as much as others. **The study's own probe** skips this step (a linear layer on $y$ as it is, Adam "
        f"3e-4, batch 32, 10 epochs) and reaches {y['study_probe']['accuracy']:.1f} %.\n\n"
    )
    if untrained:
        before, now = untrained["y"]["probe"]["interval"], y["probe"]["interval"]
        words += (
            f"**Before training** the two probes of $y$ reached {untrained['y']['probe']['accuracy']:.1f} % and "
            f"{untrained['y']['study_probe']['accuracy']:.1f} %. "
        ) + (
            "According to our probe, $y$ is now worse than before training."
            if now[1] < before[0]
            else "According to our probe, $y$ is now better than before training."
            if now[0] > before[1]
            else "According to our probe, $y$ is now no different from before training."
        )
    if run.config.dataset == STUDY_DATASET:
        reported = study(run)
        words += (
            f" The study reports {reported} % for this setting, with its own network."
            if reported
            else " The study did not try this setting."
        )
    for what, found in metrics(run).get("attributes", {}).items():
        words += (
            f" From $y$, our probe reads the {what} in {found['accuracy']:.1f} % of pictures (guessing: "
            f"{found['chance']:.1f} %)."
        )
    return words


@kept(most=64)
def layers_in_words(pair: Mapping[str, Run], *, untrained: Mapping[str, JsonObject | None]) -> str:
    """Why the expander is thrown away, told by a healthy run where there is one. pair: by title, with some measured layer.

    untrained: by title, as `verdict` takes it.
    """
    layers = layers_frame(pair)
    measured = [title for title in pair if title in set(layers["run"])]
    healthy = [
        title
        for title in measured
        if verdict(metrics(pair[title])["spaces"], gamma=pair[title].config.gamma, untrained=untrained[title])
        == "healthy"
    ]
    told = (healthy or measured)[0]
    rows = {row["layer"]: row for row in layers.to_dict("records") if row["run"] == told}
    y, z = rows["y"], rows["z"]
    return (
        "The loss makes $z$ forget what two views do not share, such as colour and position. The expander does "
        f"most of this forgetting, so $y$ keeps more. `{told}`: the probe reads "
        + "".join(
            f"the {what} in {y[what]:.1f} % of pictures from $y$ and in **{z[what]:.1f} %** from $z$, "
            for what in CATALOGUE[pair[told].config.dataset].attributes
            if what in layers
        )
        + f"the {CATALOGUE[pair[told].config.dataset].kind} in **{y['probe']:.1f} %** from $y$ and **{z['probe']:.1f} "
        f"%** from $z$; "
        + (
            "that is why the expander is thrown away after training. "
            if y["probe"] > z["probe"]
            else "this run is an exception. "
        )
        + f"Of the five nearest by $y$, {y['same_class']:.1f} % have the query's class; of the five nearest by $z$, "
        f"{z['same_class']:.1f} %"
        + (": for a search without a probe $z$ does as well." if z["same_class"] > y["same_class"] else ".")
    )


@kept(most=16)
def table_of_runs(runs: Mapping[str, Run], *, anomalies: str) -> pa.Table:
    """All measured runs of a data set with their main figures. runs: by title. anomalies: what they are called."""
    rows = []
    for title, run in runs.items():
        values = metrics(run)
        over, (name, budget) = seeds.spread(values, "probe"), title.rsplit(", ", 1)
        rows.append(
            {
                "Run": name,
                "Budget": budget,
                "Probe, %": values["probe"]["accuracy"],
                "95 % over test pictures": "{:.2f} to {:.2f}".format(*values["probe"]["interval"]),
                "Over seeds": f"{over.least:.2f} to {over.most:.2f} ({over.seeds} seeds)" if over else "one seed",
                **({"The study's, %": study(run)} if run.config.dataset == STUDY_DATASET else {}),
                **{
                    f"{what.capitalize()}, %": found["accuracy"] for what, found in values.get("attributes", {}).items()
                },
                "kNN, %": values["knn"]["accuracy"],
                "Effective rank": values["spectrum"]["effective_rank"],
                "Same class, %": values["retrieval"]["nearest_5_same_class"],
                f"AUROC, {anomalies}": values.get("anomaly", {}).get("study", {}).get("auroc"),
                "Clusters, NMI": values.get("clusters", {}).get("nmi"),
            }
        )
    return pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)


def rule_in_words(gamma: float, least_spread: float, least_rank: float) -> str:
    """The rule of the verdict in a sentence each. Arguments: gamma of the loss, and the thresholds of `verdict`."""
    return (
        f"**The rule.** Complete collapse: no dimension of z reaches a standard deviation of "
        f"{short(least_spread * gamma)}. "
        f"Dimensional collapse: the effective rank of z is below {100 * least_rank:g} % of its dimensions. Worse than "
        "untrained: the probe of y is below that of the untrained encoder, and their 95 % intervals over test pictures do not "
        "overlap. Healthy: none of these."
    )
