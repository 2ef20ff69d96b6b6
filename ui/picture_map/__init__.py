"""Maps whose points are the pictures themselves (component.py says how to call it)."""

from ui.picture_map.atlas import Atlas, atlas, atlas_of_set, atlas_of_some
from ui.picture_map.component import Colouring, Panel, Ring, picture_map

__all__ = ["Atlas", "Colouring", "Panel", "Ring", "atlas", "atlas_of_set", "atlas_of_some", "picture_map"]
