"""The lab component: a network trained in the browser (component.py says how)."""

from ui.lab.component import lab

__all__ = ["lab"]
