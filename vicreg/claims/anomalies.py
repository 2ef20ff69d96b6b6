"""Claims about anomalies, under the study's own score: the mean distance to the two nearest train representations."""

from __future__ import annotations

from vicreg.claims.differences import above
from vicreg.claims.finding import FAILS, HOLDS, Claim, Figure, Finding, Metrics, Picture, Place, drawn, pair

NAMES = ("neighbour-views", "vicreg")
STATE = {"scoring": "study"}
LISTS = {**STATE, "pool": "with anomalies"}  # the most anomalous of all test pictures of both data sets
TOP = 100


def _anomaly_auroc(metrics: Metrics) -> Finding:
    values = {name: metrics[name]["anomaly"]["study"] for name in NAMES}
    return Finding(
        above(*pair(values), "auroc"),
        ", ".join(
            f"{name} AUROC {value['auroc']:.3f} ({value['interval'][0]:.3f} to {value['interval'][1]:.3f})"
            for name, value in values.items()
        )
        + "; under the field's setting "
        + ", ".join(f"{name} {metrics[name]['anomaly']['field']['auroc']:.3f}" for name in NAMES),
        "White strokes on black are easy to see: a high AUROC here says little about harder anomalies.",
        Picture(
            tuple(drawn(name, name, value, "auroc", digits=3) for name, value in values.items()),
            "AUROC against MNIST, the study's score",
        ),
    )


MNIST = Claim(
    "MNIST as anomalies",
    "With neighbours instead of views, the model separates MNIST better.",
    "AUROC, from its plot: almost perfect",
    NAMES,
    Place("anomalies", NAMES, STATE),
    _anomaly_auroc,
    by="auroc_study",
)


def _anomalies_coincide(metrics: Metrics) -> Finding:
    left, right = (metrics[name]["anomaly"]["study"]["most"][:TOP] for name in ("vicreg", "neighbour-views"))
    shared = len(set(left) & set(right))
    pool = metrics["vicreg"]["anomaly"]["n"] + metrics["vicreg"]["anomaly"]["n_anomalies"]
    return Finding(
        HOLDS if shared >= TOP / 2 else FAILS,
        f"{shared} of the {TOP} most anomalous pictures of vicreg are among those of neighbour-views too (by chance "
        f"{TOP * TOP / pool:.1f}); we call the choices similar if at least half are shared",
        "Ranked among all test pictures of both data sets, by the study's score.",
        Picture(
            (Figure("in both lists", "", shared, None, f"{shared}"),),
            f"pictures among the {TOP} most anomalous of both runs",
            TOP / 2,
            "half",
        ),
    )


SAME_ANOMALIES = Claim(
    "Same anomalies",
    "Both models choose similar pictures as the most anomalous.",
    "by eye, seven pictures",
    ("vicreg", "neighbour-views"),
    Place("anomalies", ("vicreg", "neighbour-views"), LISTS),
    _anomalies_coincide,
)


def _anomalies_alike(metrics: Metrics) -> Finding:
    ours = {name: metrics[name]["anomaly"]["study"]["alike"] for name in NAMES}
    return Finding(
        HOLDS if ours["neighbour-views"] < min(0.5, ours["vicreg"]) else FAILS,
        ", ".join(f"{name} {value:.2f}" for name, value in ours.items())
        + ": the mean pixel distance among the 7 most anomalous, divided by that of random pairs; a fixed threshold: "
        "alike means below 0.5, and below vicreg's",
        "Seven pictures are too few for an interval, so this is only an impression.",
        Picture(
            tuple(Figure(name, name, value, None, f"{value:.2f}") for name, value in ours.items()),
            "pixel distance among the 7 most anomalous, over random pairs",
            0.5,
            "alike: under half",
        ),
    )


ANOMALIES_ALIKE = Claim(
    "Anomalies alike",
    "With neighbours instead of views, the most anomalous pictures are all alike.",
    "by eye, seven pictures",
    NAMES,
    Place("anomalies", NAMES, LISTS),
    _anomalies_alike,
)
