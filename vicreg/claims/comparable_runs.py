"""The runs on which the study's findings are checked: one per preset, with equal epochs and one copy of the images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vicreg.config import BASELINES
from vicreg.presets import PRESETS

if TYPE_CHECKING:
    from vicreg.runs.folder import Run


def family(found: Mapping[str, Run], dataset: str) -> tuple[dict[str, Run], list[str]]:
    """The runs that claims compare, by preset (and `vicreg-long`), and a sentence for each that is left out.

    found: as from `discovery.find_runs`. The presets must have the epochs of the `vicreg` run, and all runs must have
    been measured on its copy of the images.
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
            left_out.append(
                f"{run.name} was measured on another copy of the pictures than {full.name}, so it is left out; "
                f"`python -m vicreg evaluate {run.name}` measures it on yours."
            )
        elif name in PRESETS and run.record["epochs"] != full.record["epochs"]:
            left_out.append(
                f"{run.name} had {run.record['epochs']} epochs, {full.name} {full.record['epochs']}, so it is left out."
            )
        else:
            chosen[name] = run
    return chosen, left_out
