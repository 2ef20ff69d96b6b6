"""Claims about classes on maps and in clusters: t-SNE over PCA, entangled pairs, clusters."""

from __future__ import annotations

from vicreg.claims.differences import above, difference
from vicreg.claims.finding import FAILS, Claim, Finding, Metrics, Picture, Place, drawn, pair, percent


def _tsne_over_pca(metrics: Metrics) -> Finding:
    maps = metrics["vicreg"]["projection"]
    return Finding(
        above(maps["tsne"], maps["pca"], "knn_accuracy"),
        f"vicreg, kNN accuracy in the plane: t-SNE {percent(maps['tsne'], 'knn_accuracy')}, PCA "
        f"{percent(maps['pca'], 'knn_accuracy')}",
        f"PCA has only two straight directions, t-SNE can bend space; in all dimensions, kNN accuracy is "
        f"{maps['full']['knn_accuracy']:.2f} %.",
        Picture(
            tuple(
                drawn(label, "vicreg", maps[key], "knn_accuracy") for key, label in (("tsne", "t-SNE"), ("pca", "PCA"))
            ),
            "kNN accuracy on the map of vicreg, %",
        ),
    )


T_SNE_OVER_PCA = Claim(
    "t-SNE over PCA",
    "t-SNE separates the classes better than PCA.",
    "by eye",
    ("vicreg",),
    Place("maps", ("vicreg",)),
    _tsne_over_pca,
)

ENTANGLED = ({"cat", "dog"}, {"deer", "horse"})


def _entangled(metrics: Metrics) -> Finding:
    pairs = metrics["vicreg"]["probe"]["confused"]
    named = [pair for pair in pairs if set(pair["classes"]) in ENTANGLED]
    rest = [pair for pair in pairs if set(pair["classes"]) not in ENTANGLED]
    ours = ", ".join(f"{' and '.join(pair['classes'])} {pair['share']:.2f} %" for pair in pairs)
    if len(named) < len(ENTANGLED):
        verdict = FAILS
    else:
        least, most = min(named, key=lambda pair: pair["share"]), max(rest, key=lambda pair: pair["share"])
        verdict = difference(least["share"], least["interval"], most["share"], most["interval"])
    return Finding(
        verdict,
        f"vicreg, share of two classes' test pictures that the probe confuses: {ours}",
        "The study judged by eye on t-SNE; here the linear probe's confusions are counted, the most confused pairs first.",
        Picture(
            tuple(
                drawn(" and ".join(pair["classes"]), "vicreg" if pair in named else "", pair, "share") for pair in pairs
            ),
            "confused by the probe of vicreg, %",
        ),
    )


ENTANGLED_PAIRS = Claim(
    "Entangled pairs",
    "Cat and dog, and deer and horse, are the most entangled classes.",
    "by eye, on t-SNE",
    ("vicreg",),
    Place("probe", ("vicreg",)),
    _entangled,
)


def _clusters(metrics: Metrics) -> Finding:
    names = ("vicreg", "neighbour-views")
    ours = {name: metrics[name]["clusters"] for name in names}
    return Finding(
        above(*pair(ours), "accuracy"),
        ", ".join(f"{name} {percent(values)}, NMI {values['nmi']:.2f}" for name, values in ours.items()),
        "Share of pictures in the cluster of their class. k-means clusters and classes are matched one to one.",
        Picture(
            tuple(drawn(name, name, values) for name, values in ours.items()), "pictures in their class's cluster, %"
        ),
    )


CLUSTERS = Claim(
    "Clusters",
    "The clusters of VICReg match the classes better.",
    "by eye",
    ("vicreg", "neighbour-views"),
    Place("clusters", ("vicreg", "neighbour-views")),
    _clusters,
    by="clusters",
)
