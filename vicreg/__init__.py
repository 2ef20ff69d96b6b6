"""VICReg: learning representations of images without labels, by three terms.

Two augmented views of every image go through an encoder and an expander. The invariance term pulls the two embeddings
of an image together; the variance term keeps every dimension's standard deviation above one, so that not everything
collapses into a point; the covariance term decorrelates the dimensions, so that they do not all say the same (Bardes,
Ponce and LeCun, "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning", ICLR 2022).

    import vicreg
    run = vicreg.open_run("checkpoints/cifar10-vicreg")           # or, from the Hugging Face Hub:
    run = vicreg.load("OWNER/NAME", run="cifar10-vicreg")
    representations = vicreg.encode(run.encoder, images)      # uint8 (N, 32, 32, 3) -> float32 (N, 960)

Importing this package imports no torch: the names below load their module when first used. GLOSSARY explains the words
that the pages, the functions and the tables use.
"""

from __future__ import annotations

from vicreg.lazy import names_of
from vicreg.terms import TERMS

GLOSSARY: dict[str, str] = {
    "view": "one augmented copy of an image",
    "positive pair": "two views that the loss pulls together: of one image, or of an image and a neighbour",
    "encoder": "the network that is kept; after training everything is measured on its output",
    "representation": "the encoder's output y: 960 numbers an image, 512 from the smallest encoder",
    "expander": "the MLP behind the encoder that only the loss sees (`projector` in other libraries)",
    "embedding": "the expander's output z, which the three terms are computed on",
    **{f"{term.name} term": f"{term.meaning}, unweighted" for term in TERMS},
    "total": "the weighted sum of the three terms, which training lowers",
    "collapse": "complete: every image becomes the same point; dimensional: few directions are used",
    "preset": "a named setting: `vicreg`, or one of the ablations",
    "run": "one trained preset on one data set with one seed, such as `cifar10/vicreg`",
    "gallery": "the images that are searched",
    "query": "the image that is searched for",
    "hub": "an image that is among the nearest, or the farthest, of far more queries than others",
    "anomaly score": "distance to the nearest train representations; higher is more anomalous",
    "baseline": "what trained runs are compared with: the untrained encoder, pixels, Laplacian Eigenmaps of pixels",
    "linear probe": "multinomial logistic regression on frozen representations",
}

_HOMES = {
    "Config": "vicreg.config",
    "PRESETS": "vicreg.config",
    "ViewConfig": "vicreg.config",
    "open_run": "vicreg.runs.folder",
    "find_runs": "vicreg.runs.discovery",
    "load": "vicreg.hub.downloads",
    "train": "vicreg.training.loop",
    "vicreg_loss": "vicreg.method.loss",
    "augmented_views": "vicreg.method.views",
    "encode": "vicreg.evaluation.encode",
}

__all__ = ["GLOSSARY", *_HOMES]
__getattr__ = names_of(__name__, _HOMES)
