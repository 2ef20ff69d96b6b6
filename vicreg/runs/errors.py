"""The error for broken runs."""


class RunError(ValueError):
    """A run's folder is broken. The message names the file and the remedy."""
