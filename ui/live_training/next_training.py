"""A training that follows another one by itself, also when no page is open.

A thread of the server waits for the first training. If the server is restarted in the meantime, nothing follows.
"""

from __future__ import annotations

import dataclasses
import threading
import time

from ui.live_training import training_limits
from vicreg import jobs
from vicreg.config import Settings
from vicreg.jobs.record import DamagedRecord
from vicreg.jobs.status import Job
from vicreg.presets import presets

EVERY = 1.0  # seconds between two looks at the first training
ENDING = 60.0  # seconds that the process of a finished training may take to end
KEPT = 16  # plans that are remembered


@dataclasses.dataclass
class Plan:
    """What follows a job. token: of the session that planned it. name: of the run that follows, once it has started.

    problem: why it could not start, in a sentence; empty if it could. over: whether nothing is waited for any more. thread:
    what waits.
    """

    job: Job
    preset: str
    quick: bool
    token: str
    name: str = ""
    problem: str = ""
    over: bool = False
    thread: threading.Thread = dataclasses.field(default_factory=threading.Thread, repr=False)


_PLANS: list[Plan] = []


def plan(job: Job, preset: str, *, quick: bool, token: str) -> Plan:
    """Train a preset when a job has finished, with the same epochs, encoder, batch size and seed.

    Nothing follows a job that ends otherwise.
    """
    found = Plan(job, preset, quick, token)
    _PLANS.append(found)
    del _PLANS[:-KEPT]
    found.thread = threading.Thread(target=_follow, args=(found,), daemon=True, name=f"after {job.name}")
    found.thread.start()
    return found


def plan_after(job: Job) -> Plan | None:
    """What is to follow a job, or has followed it; None if nothing was planned."""
    return next((one for one in reversed(_PLANS) if _same(one.job, job)), None)


def before(job: Job) -> str:
    """The name of the run that a job follows; empty if it follows none."""
    return next((one.job.name for one in reversed(_PLANS) if one.name == job.name), "")


def _same(one: Job, other: Job) -> bool:
    return (one.name, one.created) == (other.name, other.created)


def _follow(planned: Plan) -> None:
    """Wait for the first training, then start the second one."""
    try:
        while (now := jobs.get(planned.job.name)) is not None and _same(now, planned.job) and now.active:
            time.sleep(EVERY)
        if now is None or not _same(now, planned.job) or now.state != "finished":
            return
        deadline = time.monotonic() + ENDING
        while (holder := jobs.busy()) is not None and holder.name == now.name and time.monotonic() < deadline:
            time.sleep(EVERY)
        same: Settings = {name: getattr(now.config, name) for name in ("epochs", "encoder", "batch_size", "seed")}
        config = dataclasses.replace(presets(now.config.dataset)[planned.preset], **same)
        name = jobs.free_name(now.name.replace(now.config.preset, planned.preset, 1))
        planned.name = training_limits.begin(config, name, quick=planned.quick, token=planned.token).name
    except (DamagedRecord, ValueError, OSError) as error:
        planned.problem = str(error)
    finally:
        planned.over = True
