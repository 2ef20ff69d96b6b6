"""Which runs the study's findings are held against: one of each preset, on one budget and one copy of the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vicreg.config import BASELINES
from vicreg.presets import PRESETS

if TYPE_CHECKING:
    from vicreg.runs.folder import Run


def family(found: Mapping[str, Run], dataset: str) -> tuple[dict[str, Run], list[str]]:
    """The runs that claims compare, by preset (and `vicreg-long`), and a sentence for each that is left out.

    found: as `discovery.find_runs` gives it, bundled runs before one's own. Presets compare on one budget, and all on the same
    copy of the same pictures: the `vicreg` run's.
    """
    full = found.get(f"{dataset}-vicreg")
    chosen: dict[str, Run] = {}
    left_out = []
    for name in (*PRESETS, "vicreg-long", *BASELINES):
        run = found.get(f"{dataset}-{name}")
        if run is None or full is None:
            continue
        try:
            measured = bool(run.metrics)
        except ValueError as error:  # a damaged file, named
            left_out.append(str(error))
            continue
        if not measured:
            left_out.append(f"{run.name} was not measured yet: `python -m vicreg evaluate {run.name}`.")
        elif run.numbering != full.numbering:
            left_out.append(f"{run.name} was measured on another copy of the pictures than {full.name}.")
        elif name in PRESETS and run.record["epochs"] != full.record["epochs"]:
            left_out.append(f"{run.name} had {run.record['epochs']} epochs, {full.name} {full.record['epochs']}.")
        else:
            chosen[name] = run
    return chosen, left_out
