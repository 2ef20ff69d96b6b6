"""VICReg: learn image representations without labels, with a loss of three terms.

Two augmented views of each image go through an encoder and an expander. The invariance term pulls the two embeddings
of an image together. The variance term keeps the standard deviation of every dimension above one, which prevents
collapse to a single point. The covariance term decorrelates the dimensions, so that each carries different information
(Bardes, Ponce and LeCun, "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning", ICLR 2022).

    import vicreg
    run = vicreg.open_run("checkpoints/cifar10-vicreg")           # or, from the Hugging Face Hub:
    run = vicreg.load("OWNER/NAME", run="cifar10-vicreg")
    representations = vicreg.encode(run.encoder, images)      # uint8 (N, 32, 32, 3) -> float32 (N, 960)

Importing this package does not import torch: each name below loads its module on first use. GLOSSARY explains the terms
used on pages, in functions and in tables.
"""

from __future__ import annotations

from vicreg.lazy_imports import names_of
from vicreg.loss_terms import TERMS

GLOSSARY: dict[str, str] = {
    "view": "one augmented copy of an image",
    "positive pair": "what the loss pulls together: two augmented views of one image, or two nearest images",
    "encoder": "the network that we keep; after training, everything is measured on its output",
    "representation": "the encoder's output y: 960 numbers per image, or 512 for the smallest encoder",
    "expander": "an MLP after the encoder, used only by the loss (`projector` in other libraries)",
    "embedding": "the expander's output z, from which the three terms are computed",
    **{f"{term.name} term": f"{term.meaning}, unweighted" for term in TERMS},
    "total": "the weighted sum of the three terms, which training minimises",
    "collapse": "complete: all images get the same embedding; dimensional: only a few directions are used",
    "preset": "a named configuration: `vicreg` or one of its ablations",
    "run": "one preset trained on one data set with one seed, such as `cifar10/vicreg`",
    "gallery": "the images that a search looks through",
    "query": "the image whose neighbours a search finds",
    "hub": "an image that is among the nearest (or farthest) images of unusually many queries",
    "anomaly score": "distance to the nearest train representations; higher means more anomalous",
    "baseline": "a reference without training: the untrained encoder, raw pixels, or Laplacian Eigenmaps of pixels",
    "linear probe": "multinomial logistic regression on frozen representations",
}

_HOMES = {
    "Config": "vicreg.config",
    "PRESETS": "vicreg.presets",
    "ViewConfig": "vicreg.config",
    "open_run": "vicreg.runs.folder",
    "find_runs": "vicreg.runs.discovery",
    "load": "vicreg.hub.run_downloads",
    "train": "vicreg.training.loop",
    "vicreg_loss": "vicreg.method.loss",
    "augmented_views": "vicreg.method.views",
    "encode": "vicreg.evaluation.encode",
}

__all__ = ["GLOSSARY", *_HOMES]
__getattr__ = names_of(__name__, _HOMES)
