"""What is wrong with a run on disk."""


class RunError(ValueError):
    """A run's folder is not what it says it is; the message names the file and the way out."""
