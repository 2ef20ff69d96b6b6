"""Runs on disk: the folder, the rules for its files, weights, tables and model card."""
