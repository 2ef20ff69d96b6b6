"""What a run is held against: the baseline of the same encoder before training."""

from __future__ import annotations

from collections.abc import Callable

from ui.run_picker import measured_runs, metrics
from vicreg.runs.folder import Run
from vicreg.storage.json_values import JsonObject


def untrained(run: Run, *, usable: Callable[[Run], bool] = lambda run: True) -> Run | None:
    """The measured baseline `untrained` of a run's data set and encoder; None if there is none that is usable."""
    return next(
        (
            one
            for one in measured_runs(run).values()
            if one.baseline == "untrained" and same_encoder(one, run) and usable(one)
        ),
        None,
    )


def same_encoder(run: Run, other: Run) -> bool:
    """Whether two runs have encoders of the same kind."""
    return run.config.encoder == other.config.encoder


def spaces_before(run: Run) -> JsonObject | None:
    """The section `spaces` of a run's encoder before training, as `verdict` takes it; None if it was not measured."""
    found = untrained(run, usable=lambda one: "spaces" in metrics(one))
    return None if found is None else metrics(found)["spaces"]
