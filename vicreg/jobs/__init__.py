"""Trainings as processes of their own: `jobs.start`, `jobs.get`, `jobs.stop` and the rest of `vicreg.jobs.control`."""

from vicreg.lazy import names_of

__all__ = [
    "Job",
    "Limits",
    "Moment",
    "busy",
    "discard",
    "find",
    "free_name",
    "get",
    "history",
    "labels",
    "resume",
    "snapshots",
    "start",
    "steps_seen",
    "stop",
    "told",
]
__getattr__ = names_of(__name__, dict.fromkeys(__all__, "vicreg.jobs.control"))
