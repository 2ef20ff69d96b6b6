"""A run on disk: its folder, what its files must hold, its weights, tables and model card."""
