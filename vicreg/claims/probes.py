"""Claims about what a linear probe reads, and about how many dimensions the representations use."""

from __future__ import annotations

from vicreg.claims.differences import above, difference
from vicreg.claims.finding import (
    CHANCE,
    CLOSE,
    FAILS,
    HOLDS,
    Claim,
    Figure,
    Finding,
    Metrics,
    Picture,
    Place,
    drawn,
    percent,
)
from vicreg.storage.json_values import JsonObject
from vicreg.study_results import STUDY_PROBES

AXIS = "linear probe, %"


def _drawn(metrics: Metrics, *names: str) -> tuple[Figure, ...]:
    """The probes of some runs, to be drawn."""
    return tuple(drawn(name, name, metrics[name]["probe"]) for name in names)


def _passes_the_study(metrics: Metrics) -> Finding:
    name = "vicreg-long" if "vicreg-long" in metrics else "vicreg"
    probe = metrics[name]["probe"]
    ours = f"{name}: {percent(probe)}"
    if name != "vicreg":
        ours += f"; with the ablations' budget, vicreg: {percent(metrics['vicreg']['probe'])}"
    return Finding(
        difference(probe["accuracy"], probe["interval"], STUDY_PROBES["vicreg"], (0, 0)),
        ours,
        "Encoder and epochs differ from the study's: this number says that the method works, not which training is better.",
        Picture(_drawn(metrics, *dict.fromkeys((name, "vicreg"))), AXIS, STUDY_PROBES["vicreg"], "the study"),
    )


PROBE = Claim(
    "Probe",
    "A linear probe exceeds 62.68 %.",
    "62.68 %",
    ("vicreg",),
    Place("probe", ("vicreg-long", "vicreg")),
    _passes_the_study,
    by="probe",
)


def _variance_to_chance(metrics: Metrics) -> Finding:
    probe, full = metrics["no-variance"]["probe"], metrics["vicreg"]["probe"]
    return Finding(
        difference(2 * CHANCE, (0, 0), probe["accuracy"], probe["interval"]),
        f"no-variance {percent(probe)}, vicreg {full['accuracy']:.2f} %; near chance means under "
        f"{2 * CHANCE:.0f} %, twice what guessing gives",
        f"The embeddings z collapse, but the probe looks at the representations y. These come before the expander and "
        f"need not collapse with z{_read_off_embeddings(metrics['no-variance'])}.",
        Picture(_drawn(metrics, "no-variance"), AXIS, 2 * CHANCE, "near chance"),
    )


def _read_off_embeddings(metrics: JsonObject) -> str:
    """What probes read of a run's embeddings, as part of a sentence; empty where that was not measured."""
    spaces = metrics.get("spaces", {})
    if "z" not in spaces:
        return ""
    return (
        f" (on z our probe reaches {spaces['z']['probe']['accuracy']:.2f} %; on y the study's own probe, which does "
        f"not standardise, reaches {spaces['y']['study_probe']['accuracy']:.2f} %)"
    )


NO_VARIANCE_PROBE = Claim(
    "No variance: probe",
    "Without the variance term the probe falls to near chance.",
    "14.66 %",
    ("no-variance", "vicreg"),
    Place("probe", ("no-variance", "vicreg")),
    _variance_to_chance,
    by="probe",
)


def _variance_rank(metrics: Metrics) -> Finding:
    names = ("no-variance", "vicreg")
    without, full = (metrics[name]["spectrum"]["effective_rank"] for name in names)
    return Finding(
        HOLDS if without < full / 2 else FAILS,
        f"effective rank of no-variance {without:.2f}, of vicreg {full:.2f}; a fixed threshold: less than half is a "
        "loss",
        "Nothing rewards the network for spreading pictures apart: a few lie far from all others, and the rest share few "
        "directions.",
        Picture(
            tuple(
                Figure(name, name, rank, None, f"{rank:.2f}") for name, rank in zip(names, (without, full), strict=True)
            ),
            "effective rank of the representations",
            full / 2,
            "half of vicreg's",
        ),
    )


NO_VARIANCE_RANK = Claim(
    "No variance: rank",
    "Without the variance term the representations lose dimensions.",
    "by eye: lines on PCA maps",
    ("no-variance", "vicreg"),
    Place("probe", ("no-variance", "vicreg")),
    _variance_rank,
    by="effective_rank",
)


def _neighbours_between(metrics: Metrics) -> Finding:
    names = ("no-variance", "neighbour-views", "vicreg")
    least, between, most = (metrics[name]["probe"] for name in names)
    steps = {above(most, between, "accuracy"), above(between, least, "accuracy")}
    return Finding(
        FAILS if FAILS in steps else CLOSE if CLOSE in steps else HOLDS,
        ", ".join(f"{name} {percent(metrics[name]['probe'])}" for name in names),
        "neighbour-views takes its positives from the finished vicreg run, and with them what it learned: a head "
        "start over augmentations, above all in a short training run.",
        Picture(_drawn(metrics, *reversed(names)), AXIS),
    )


NEIGHBOUR_VIEWS = Claim(
    "Neighbour views",
    "With neighbours instead of views, the probe lies between no-variance and vicreg.",
    "50.1 %",
    ("no-variance", "neighbour-views", "vicreg"),
    Place("probe", ("neighbour-views", "vicreg")),
    _neighbours_between,
    by="probe",
)


def _laplacian(metrics: Metrics) -> Finding:
    names = ("laplacian", "vicreg", "pixels")
    eigenmap, full, pixels = (metrics[name]["probe"] for name in names)
    bar = CHANCE + (full["accuracy"] - CHANCE) / 2
    return Finding(
        difference(bar, (0, 0), eigenmap["accuracy"], eigenmap["interval"]),
        f"laplacian {percent(eigenmap)}, vicreg {full['accuracy']:.2f} %, pixels {pixels['accuracy']:.2f} %; of no "
        f"use means below {bar:.2f} %, halfway from guessing to vicreg",
        "Pictures near in pixels share colour and layout, which a linear probe can use a little. Raw pixels, from "
        "which the eigenmap was built, are the fair comparison.",
        Picture(_drawn(metrics, "laplacian", "pixels"), AXIS, bar, "halfway to vicreg"),
    )


LAPLACIAN = Claim(
    "Laplacian Eigenmaps",
    "Laplacian Eigenmaps of the pixels are of no use for classification.",
    "by eye",
    ("laplacian", "vicreg", "pixels"),
    Place("probe", ("laplacian", "pixels")),
    _laplacian,
    by="probe",
)
