"""Claims about the nearest and the farthest pictures."""

from __future__ import annotations

from vicreg.claims.differences import above, difference, less
from vicreg.claims.finding import (
    CLASSES,
    FAILS,
    HOLDS,
    Claim,
    Figure,
    Finding,
    Metrics,
    Picture,
    Place,
    drawn,
    pair,
    percent,
)

NAMES = ("vicreg", "neighbour-views")


def _share_class(metrics: Metrics) -> Finding:
    ours = {name: metrics[name]["retrieval"] for name in NAMES}
    return Finding(
        above(*pair(ours), "nearest_5_same_class"),
        ", ".join(f"{name} {percent(values, 'nearest_5_same_class')}" for name, values in ours.items()),
        "Share of a test picture's five nearest that have its class.",
        Picture(
            tuple(drawn(name, name, values, "nearest_5_same_class") for name, values in ours.items()),
            "five nearest (cosine) with the query's class, %",
        ),
    )


SHARE_CLASS = Claim(
    "Nearest share class",
    "VICReg's nearest pictures share the class more often than neighbour-views'.",
    "by eye, ten queries",
    NAMES,
    Place("retrieval", NAMES, {"metric": "cosine"}),
    _share_class,
    by="nearest_5_same_class",
)


def _share_colour(metrics: Metrics) -> Finding:
    colours = {name: metrics[name]["retrieval"]["colour"] for name in NAMES}
    left, right = colours.values()
    return Finding(
        difference(
            left["distance_ratio"], left["interval"], right["distance_ratio"], right["interval"]
        ),  # neighbours nearer in colour: a smaller ratio
        ", ".join(
            f"{name}: neighbours' mean colours differ {less(value['distance_ratio'])} than those of random pairs (ratio "
            f"{value['distance_ratio']:.3f}, {value['interval'][0]:.3f} to {value['interval'][1]:.3f}), R² {value['r2']:.2f}"
            for name, value in colours.items()
        ),
        "0 % (a ratio of 1) would mean that colour plays no role; R² says how well a linear model predicts a "
        "picture's mean colour (1: exactly; 0: not at all).",
        Picture(
            tuple(drawn(name, name, value, "distance_ratio", digits=3) for name, value in colours.items()),
            "colour distance of neighbours, over that of random pairs",
        ),
    )


SHARE_COLOUR = Claim(
    "Nearest share colour",
    "The nearest pictures of neighbour-views share the colour more.",
    "by eye, ten queries",
    NAMES,
    Place("retrieval", NAMES, {"metric": "cosine"}),
    _share_colour,
)


def _farthest_repeat(metrics: Metrics) -> Finding:
    hubness = metrics["vicreg"]["retrieval"]["hubness"]
    farthest, even = hubness["euclidean"]["farthest"], hubness["by_chance"]
    classes = sum(hub["classes"] for hub in hubness["euclidean"]["hubs"]) / len(hubness["euclidean"]["hubs"])
    return Finding(
        HOLDS if farthest > 10 * even and classes > 5 else FAILS,
        f"vicreg: ten pictures fill {farthest:.2f} % of all places in the lists of the farthest five ({even:.2f} % if all "
        f"came up equally often); on average each appears for queries of {classes:.1f} of {CLASSES} classes; a fixed "
        f"threshold: over {10 * even:.2f} % and over 5 classes",
        "Hubness: in many dimensions the points far from the centre are far from nearly everything.",
        Picture(
            (Figure("ten pictures of vicreg", "vicreg", farthest, None, f"{farthest:.2f}"),),
            "share of all places in the lists of the farthest five (Euclidean), %",
            10 * even,
            "ten times an even share",
        ),
    )


FARTHEST_REPEAT = Claim(
    "Farthest repeat",
    "The farthest pictures repeat across classes.",
    "by eye, ten queries",
    ("vicreg",),
    Place("retrieval", ("vicreg",), {"metric": "euclidean"}),
    _farthest_repeat,
)
