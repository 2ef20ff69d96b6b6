"""What the study found, each finding as a check with a number on our own runs.

A claim is a function from the metrics of runs to a Finding. A difference between two runs counts as one where it is
larger than its 95 % interval (the two half-widths added in quadrature, as for independent measurements: runs share
their test images, so this is on the cautious side); else it is too close to call. Where a figure has no interval, a
fixed bar decides, and the finding says so. A finding that does not hold here is
not thereby wrong: runs, encoder and epochs differ. That is a lesson too.

The study: github.com/AsafShul/VICReg_selfsupervised_representation_learning, its README.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vicreg.config import BASELINES, PRESETS
from vicreg.data.catalogue import CATALOGUE
from vicreg.storage.json_values import JsonObject
from vicreg.study import STUDY_DATASET, STUDY_PROBES

if TYPE_CHECKING:
    from vicreg.runs.folder import Run

HOLDS, FAILS, CLOSE, UNKNOWN = "holds", "does not hold", "too close to call", "cannot be told yet"
CLASSES = len(CATALOGUE[STUDY_DATASET].classes)
CHANCE = CATALOGUE[STUDY_DATASET].chance
TOP = 100

Metrics = Mapping[str, JsonObject]  # preset (or `vicreg-long`) -> metrics.json


@dataclass(frozen=True)
class Finding:
    """verdict: holds, does not hold, too close to call, or cannot be told yet. ours: our figure, in words. why: one
    sentence that a class can discuss.
    """

    verdict: str
    ours: str
    why: str


@dataclass(frozen=True)
class Claim:
    """name: short, for tables. words: the study's finding in short. study: its figure, or how it judged.

    needs: the runs whose metrics the check reads. page: where to see it.
    """

    name: str
    words: str
    study: str
    needs: tuple[str, ...]
    page: str
    check: Callable[[Metrics], Finding]


def family(found: Mapping[str, Run], dataset: str) -> tuple[dict[str, Run], list[str]]:
    """The runs that claims compare, by preset (and `vicreg-long`), and a sentence for each that is left out.

    found: as `discovery.find_runs` gives it, bundled runs before one's own. Presets compare on one budget, and all on the same
    copy of the same pictures: the `vicreg` run's.
    """
    full = found.get(f"{dataset}-vicreg")
    chosen: dict[str, Run] = {}
    left_out = []
    for name in (*PRESETS, "vicreg-long", *BASELINES):
        run = found.get(f"{dataset}-{name}")
        if run is None or full is None:
            continue
        try:
            measured = bool(run.metrics)
        except ValueError as error:  # a damaged file, named
            left_out.append(str(error))
            continue
        if not measured:
            left_out.append(f"{run.name} was not measured yet: `python -m vicreg evaluate {run.name}`.")
        elif run.numbering != full.numbering:
            left_out.append(f"{run.name} was measured on another copy of the pictures than {full.name}.")
        elif name in PRESETS and run.record["epochs"] != full.record["epochs"]:
            left_out.append(f"{run.name} had {run.record['epochs']} epochs, {full.name} {full.record['epochs']}.")
        else:
            chosen[name] = run
    return chosen, left_out


def findings(metrics: Metrics) -> list[tuple[Claim, Finding]]:
    """Every claim with its finding on these runs, in the study's order."""
    return [(claim, judge(claim, metrics)) for claim in CLAIMS]


def judge(claim: Claim, metrics: Metrics) -> Finding:
    """One claim's finding; what is missing, where a run or one of its figures is."""
    missing = [name for name in claim.needs if name not in metrics]
    if missing:
        return Finding(UNKNOWN, "", f"Needs the run{'s' if len(missing) > 1 else ''} {', '.join(missing)}.")
    try:
        return claim.check(metrics)
    except KeyError as error:
        return Finding(
            UNKNOWN, "", f"A run was measured without {error.args[0]!r}: evaluate it again, with all pictures at hand."
        )


def difference(a: float, a_interval: tuple[float, float], b: float, b_interval: tuple[float, float]) -> str:
    """Whether a is above b: HOLDS, FAILS (it is below) or CLOSE. (0, 0) stands for a figure without an interval."""
    half = math.hypot(_half(a_interval), _half(b_interval))
    return HOLDS if a - b > half else FAILS if b - a > half else CLOSE


def _half(interval: tuple[float, float]) -> float:
    return (interval[1] - interval[0]) / 2


def _above(metrics: Metrics, left: tuple[str, ...], right: tuple[str, ...], figure: str) -> str:
    """Whether one run's figure is above another's. left, right: (preset, section, ...), where figure and interval are."""
    a, b = _at(metrics, left), _at(metrics, right)
    return difference(a[figure], a["interval"], b[figure], b["interval"])


def _at(metrics: Metrics, path: tuple[str, ...]) -> JsonObject:
    preset, *keys = path
    found = metrics[preset]
    for key in keys:
        found = found[key]
    return found


def _with_interval(values: JsonObject, figure: str = "accuracy") -> str:
    low, high = values["interval"]
    return f"{values[figure]:.2f} % ({low:.2f} to {high:.2f})"


def _tsne_over_pca(metrics: Metrics) -> Finding:
    maps = metrics["vicreg"]["projection"]
    return Finding(
        _above(metrics, ("vicreg", "projection", "tsne"), ("vicreg", "projection", "pca"), "knn_accuracy"),
        f"vicreg, kNN accuracy in the plane: t-SNE {_with_interval(maps['tsne'], 'knn_accuracy')}, PCA "
        f"{_with_interval(maps['pca'], 'knn_accuracy')}",
        f"PCA has two straight directions for all classes, t-SNE may bend space; in all dimensions it is "
        f"{maps['full']['knn_accuracy']:.2f} %.",
    )


def _entangled(metrics: Metrics) -> Finding:
    wanted = [{"cat", "dog"}, {"deer", "horse"}]
    pairs = metrics["vicreg"]["probe"]["confused"]
    named = [pair for pair in pairs if set(pair["classes"]) in wanted]
    rest = [pair for pair in pairs if set(pair["classes"]) not in wanted]
    ours = ", ".join(f"{' and '.join(pair['classes'])} {pair['share']:.2f} %" for pair in pairs)
    if len(named) < len(wanted):
        verdict = FAILS
    else:
        least, most = min(named, key=lambda pair: pair["share"]), max(rest, key=lambda pair: pair["share"])
        verdict = difference(least["share"], least["interval"], most["share"], most["interval"])
    return Finding(
        verdict,
        f"vicreg, test pictures of two classes that the probe takes for the other: {ours}",
        "The study judged by eye on t-SNE; here the linear probe's confusions are counted, the most confused pairs first.",
    )


def _passes_the_study(metrics: Metrics) -> Finding:
    name = "vicreg-long" if "vicreg-long" in metrics else "vicreg"
    probe = metrics[name]["probe"]
    ours = f"{name}: {_with_interval(probe)}"
    if name != "vicreg":
        ours += f"; on the ablations' budget, vicreg: {_with_interval(metrics['vicreg']['probe'])}"
    return Finding(
        difference(probe["accuracy"], probe["interval"], STUDY_PROBES["vicreg"], (0, 0)),
        ours,
        "Another encoder and other epochs than the study's: the figure says that the method works, not which is better.",
    )


def _variance_to_chance(metrics: Metrics) -> Finding:
    probe, full = metrics["no-variance"]["probe"], metrics["vicreg"]["probe"]
    verdict = difference(2 * CHANCE, (0, 0), probe["accuracy"], probe["interval"])
    return Finding(
        verdict,
        f"no-variance {_with_interval(probe)}, vicreg {full['accuracy']:.2f} %; near chance means under "
        f"{2 * CHANCE:.0f} %, twice what guessing gives",
        f"The embeddings collapse{_read_off_embeddings(metrics['no-variance'])}, but the probe looks at the representations "
        "before the expander, which need not follow all the way.",
    )


def _read_off_embeddings(metrics: JsonObject) -> str:
    """What probes read of a run's embeddings, as part of a sentence; empty where that was not measured."""
    spaces = metrics.get("spaces", {})
    if "z" not in spaces:
        return ""
    return (
        f" (the probe reads {spaces['z']['probe']['accuracy']:.2f} % of them; of the representations the study's own probe, "
        f"which does not standardise, reads {spaces['y']['study_probe']['accuracy']:.2f} %)"
    )


def _variance_rank(metrics: Metrics) -> Finding:
    without, full = (metrics[name]["spectrum"]["effective_rank"] for name in ("no-variance", "vicreg"))
    return Finding(
        HOLDS if without < full / 2 else FAILS,
        f"effective rank of no-variance {without:.2f}, of vicreg {full:.2f}; a fixed bar: less than half is a loss",
        "Nothing rewards the network for spreading pictures apart, so few directions carry what is left.",
    )


def _neighbours_between(metrics: Metrics) -> Finding:
    below = _above(metrics, ("vicreg", "probe"), ("neighbour-views", "probe"), "accuracy")
    above = _above(metrics, ("neighbour-views", "probe"), ("no-variance", "probe"), "accuracy")
    verdict = FAILS if FAILS in (below, above) else CLOSE if CLOSE in (below, above) else HOLDS
    names = ("no-variance", "neighbour-views", "vicreg")
    return Finding(
        verdict,
        ", ".join(f"{name} {_with_interval(metrics[name]['probe'])}" for name in names),
        "Its positives come from the finished vicreg run and carry what that one learned: a head start that augmentations "
        "do not have, above all in a short training.",
    )


def _laplacian(metrics: Metrics) -> Finding:
    eigenmap, full, pixels = (metrics[name]["probe"] for name in ("laplacian", "vicreg", "pixels"))
    bar = CHANCE + (full["accuracy"] - CHANCE) / 2
    return Finding(
        difference(bar, (0, 0), eigenmap["accuracy"], eigenmap["interval"]),
        f"laplacian {_with_interval(eigenmap)}, vicreg {full['accuracy']:.2f} %, pixels {pixels['accuracy']:.2f} %; of no "
        f"use means less than half of vicreg's way from chance, {bar:.2f} %",
        "Near in pixels is near in colour and layout, which a linear probe can use a little. Set it beside raw pixels before "
        "calling it useful: it may add nothing to what it was built from.",
    )


def _share_class(metrics: Metrics) -> Finding:
    names = ("vicreg", "neighbour-views")
    return Finding(
        _above(metrics, (names[0], "retrieval"), (names[1], "retrieval"), "nearest_5_same_class"),
        ", ".join(f"{name} {_with_interval(metrics[name]['retrieval'], 'nearest_5_same_class')}" for name in names),
        "Share of a test picture's five nearest that have its class.",
    )


def _share_colour(metrics: Metrics) -> Finding:
    names = ("vicreg", "neighbour-views")
    colours = {name: metrics[name]["retrieval"]["colour"] for name in names}
    left, right = (colours[name] for name in names)
    return Finding(
        difference(
            left["distance_ratio"], left["interval"], right["distance_ratio"], right["interval"]
        ),  # neighbours nearer in colour: a smaller ratio
        ", ".join(
            f"{name}: colour distance to neighbours {value['distance_ratio']:.3f} ({value['interval'][0]:.3f} to "
            f"{value['interval'][1]:.3f}) of that of random pairs, R² {value['r2']:.2f}"
            for name, value in colours.items()
        ),
        "A ratio of 1 would mean that colour plays no part; R² says how well a picture's mean colour can be read off.",
    )


def _farthest_repeat(metrics: Metrics) -> Finding:
    hubness = metrics["vicreg"]["retrieval"]["hubness"]
    farthest, chance = hubness["euclidean"]["farthest"], hubness["by_chance"]
    classes = sum(hub["classes"] for hub in hubness["euclidean"]["hubs"]) / len(hubness["euclidean"]["hubs"])
    return Finding(
        HOLDS if farthest > 10 * chance and classes > 5 else FAILS,
        f"vicreg: ten pictures fill {farthest:.2f} % of all lists of the farthest five ({chance:.2f} % if all were there "
        f"equally often); on average each is there for queries of {classes:.1f} of {CLASSES} classes; a fixed bar: ten times "
        "that, and more than 5 classes",
        "Hubness: in many dimensions the points far from the centre are far from nearly everything.",
    )


def _anomaly_auroc(metrics: Metrics) -> Finding:
    names = ("neighbour-views", "vicreg")
    values = {name: metrics[name]["anomaly"]["study"] for name in names}
    return Finding(
        _above(metrics, (names[0], "anomaly", "study"), (names[1], "anomaly", "study"), "auroc"),
        ", ".join(
            f"{name} AUROC {value['auroc']:.3f} ({value['interval'][0]:.3f} to {value['interval'][1]:.3f})"
            for name, value in values.items()
        )
        + "; under the field's setting "
        + ", ".join(f"{name} {metrics[name]['anomaly']['field']['auroc']:.3f}" for name in names),
        "White strokes on black are easy to see: a high AUROC here says little about anomalies that are not.",
    )


def _anomalies_coincide(metrics: Metrics) -> Finding:
    left, right = (metrics[name]["anomaly"]["study"]["most"][:TOP] for name in ("vicreg", "neighbour-views"))
    shared = len(set(left) & set(right))
    pool = metrics["vicreg"]["anomaly"]["n"] + metrics["vicreg"]["anomaly"]["n_anomalies"]
    return Finding(
        HOLDS if shared >= TOP / 2 else FAILS,
        f"{shared} of the {TOP} most anomalous pictures are in both lists (by chance {TOP * TOP / pool:.1f}); a fixed bar: "
        "half of them or more is the same choice",
        "Of all test pictures of both data sets, under the study's score.",
    )


def _anomalies_alike(metrics: Metrics) -> Finding:
    names = ("neighbour-views", "vicreg")
    ours = {name: metrics[name]["anomaly"]["study"]["alike"] for name in names}
    return Finding(
        HOLDS if ours["neighbour-views"] < min(0.5, ours["vicreg"]) else FAILS,
        ", ".join(f"{name} {value:.2f}" for name, value in ours.items())
        + ": the mean pixel distance among the 7 most anomalous, over that of random pairs; a fixed bar: alike is less than "
        "half, and less than vicreg's",
        "Seven pictures are few: there is no interval that would make this more than a look.",
    )


def _clusters(metrics: Metrics) -> Finding:
    names = ("vicreg", "neighbour-views")
    return Finding(
        _above(metrics, (names[0], "clusters"), (names[1], "clusters"), "accuracy"),
        ", ".join(
            f"{name} {_with_interval(metrics[name]['clusters'])}, NMI {metrics[name]['clusters']['nmi']:.2f}"
            for name in names
        ),
        "Share of pictures whose k-means cluster, matched one to one with the classes, is their class.",
    )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "t-SNE over PCA", "t-SNE separates the classes better than PCA.", "by eye", ("vicreg",), "maps", _tsne_over_pca
    ),
    Claim(
        "Entangled pairs",
        "Cat and dog, and deer and horse, are the most entangled classes.",
        "by eye, on t-SNE",
        ("vicreg",),
        "probe",
        _entangled,
    ),
    Claim("Probe", "A linear probe passes 62.68 %.", "62.68 %", ("vicreg",), "probe", _passes_the_study),
    Claim(
        "No variance: probe",
        "Without the variance term the probe falls to near chance.",
        "14.66 %",
        ("no-variance", "vicreg"),
        "ablations",
        _variance_to_chance,
    ),
    Claim(
        "No variance: rank",
        "Without the variance term the representations lose dimensions.",
        "by eye: lines under PCA",
        ("no-variance", "vicreg"),
        "ablations",
        _variance_rank,
    ),
    Claim(
        "Neighbour views",
        "With neighbours instead of augmentations the probe falls in between.",
        "50.1 %",
        ("no-variance", "neighbour-views", "vicreg"),
        "ablations",
        _neighbours_between,
    ),
    Claim(
        "Laplacian Eigenmaps",
        "Laplacian Eigenmaps of the pixels do not serve classification.",
        "by eye",
        ("laplacian", "vicreg", "pixels"),
        "maps",
        _laplacian,
    ),
    Claim(
        "Nearest share class",
        "VICReg's nearest pictures share the class more often than neighbour-views'.",
        "by eye, ten queries",
        ("vicreg", "neighbour-views"),
        "retrieval",
        _share_class,
    ),
    Claim(
        "Nearest share colour",
        "The nearest pictures of neighbour-views share the colour more.",
        "by eye, ten queries",
        ("vicreg", "neighbour-views"),
        "retrieval",
        _share_colour,
    ),
    Claim(
        "Farthest repeat",
        "The farthest pictures repeat across classes.",
        "by eye, ten queries",
        ("vicreg",),
        "retrieval",
        _farthest_repeat,
    ),
    Claim(
        "MNIST as anomalies",
        "The model without generated neighbours separates MNIST better.",
        "AUROC, from its plot: almost perfect",
        ("neighbour-views", "vicreg"),
        "anomalies",
        _anomaly_auroc,
    ),
    Claim(
        "Same anomalies",
        "Both models choose similar pictures as the most anomalous.",
        "by eye, seven pictures",
        ("vicreg", "neighbour-views"),
        "anomalies",
        _anomalies_coincide,
    ),
    Claim(
        "Anomalies alike",
        "Without generated neighbours the most anomalous pictures are all alike.",
        "by eye, seven pictures",
        ("neighbour-views", "vicreg"),
        "anomalies",
        _anomalies_alike,
    ),
    Claim(
        "Clusters",
        "The clusters of VICReg match the classes better.",
        "by eye",
        ("vicreg", "neighbour-views"),
        "clusters",
        _clusters,
    ),
)
