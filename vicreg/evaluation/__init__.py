"""Measures of representations: arrays in, frozen dataclasses and frames out. No plotting, no loading of data."""
