"""The lab: a network trained in the browser. See component.py."""

from ui.lab.component import lab, script

__all__ = ["lab", "script"]
