"""The sections of the report: each takes representations, and gives figures with their protocol and tables to draw."""
