"""Data sets: the catalogue, and how each split is found, downloaded, decoded, generated and cached.

from vicreg import data
images = data.load("cifar10", "test").images  # uint8 (10000, 32, 32, 3)
"""

from vicreg.lazy_imports import names_of

_HOMES = {
    "CATALOGUE": "vicreg.data.catalogue",
    "available": "vicreg.data.loading",
    "fetch": "vicreg.data.loading",
    "load": "vicreg.data.loading",
}
__all__ = list(_HOMES)
__getattr__ = names_of(__name__, _HOMES)
