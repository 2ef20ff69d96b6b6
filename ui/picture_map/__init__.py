"""Maps whose points are the pictures themselves (component.py says how to call it)."""

from ui.picture_map.atlas import Atlas, atlas
from ui.picture_map.component import Colouring, Panel, picture_map

__all__ = ["Atlas", "Colouring", "Panel", "atlas", "picture_map"]
