"""What a visitor can take home from a page: its charts as pictures, their data, and a link to this very view."""

from ui.take_away.panel import panel
from ui.take_away.tables import csv_of

__all__ = ["csv_of", "panel"]
