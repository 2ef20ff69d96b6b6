"""The lab component: a network trained in the browser (component.py says how)."""

from ui.lab.component import lab, script

__all__ = ["lab", "script"]
