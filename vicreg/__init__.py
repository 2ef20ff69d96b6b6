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

_HOMES = {
    "GLOSSARY": "vicreg.glossary",
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

__all__ = [*_HOMES]
__getattr__ = names_of(__name__, _HOMES)
