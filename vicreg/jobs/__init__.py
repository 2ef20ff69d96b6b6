"""Trainings in separate processes: `jobs.start`, `jobs.get`, `jobs.stop` (`vicreg.jobs.control`, `vicreg.jobs.status`)."""

from vicreg.lazy_imports import names_of

_HOMES = {
    "busy": "vicreg.jobs.control",
    "discard": "vicreg.jobs.control",
    "free_name": "vicreg.jobs.control",
    "resume": "vicreg.jobs.control",
    "start": "vicreg.jobs.control",
    "stop": "vicreg.jobs.control",
    "Job": "vicreg.jobs.status",
    "find": "vicreg.jobs.status",
    "get": "vicreg.jobs.status",
    "history": "vicreg.jobs.status",
    "labels": "vicreg.jobs.status",
    "snapshots": "vicreg.jobs.status",
    "steps_seen": "vicreg.jobs.status",
    "told": "vicreg.jobs.status",
    "Limits": "vicreg.jobs.record",
    "Moment": "vicreg.jobs.event_log",
}
__all__ = list(_HOMES)
__getattr__ = names_of(__name__, _HOMES)
