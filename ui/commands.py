"""The command that trains a run again."""

from __future__ import annotations

import dataclasses
import shlex

from vicreg.config import DEFAULT_DATASET, Settings
from vicreg.loss_terms import IN_LOSS
from vicreg.presets import presets
from vicreg.runs.folder import Run
from vicreg.storage.paths import CONFIG_FILE


def train_command(run: Run) -> str:
    """The command that trains the run again: its preset and options, or its config.json."""
    known = presets(run.config.dataset)
    preset = known.get(run.config.preset, known["vicreg"])
    words = ["python -m vicreg train", f"--preset {preset.preset}"]
    if run.config.dataset != DEFAULT_DATASET:
        words.append(f"--dataset {run.config.dataset}")
    same: Settings = {
        "preset": run.config.preset,
        "views": dataclasses.replace(preset.views, size=run.config.views.size),
    }
    for name in (
        *("encoder", "optimiser", "epochs", "batch_size", "learning_rate", "weight_decay", "warmup_steps"),
        *("seed", *(term.weight for term in IN_LOSS)),
    ):
        same[name] = value = getattr(run.config, name)
        if value != getattr(preset, name):
            words.append(f"--{name.replace('_', '-')} {value}")
    if run.config.views.size != preset.views.size:
        words.append(f"--view-size {run.config.views.size}")
    if dataclasses.replace(preset, **same) != run.config:  # settings without an option
        words, own = ["python -m vicreg train", f"--config {shlex.quote(str(run.folder / CONFIG_FILE))}"], run.config
    else:
        own = preset
    if run.name != own.run_name:
        words.append(f"--name {shlex.quote(run.name)}")
    return " ".join(words)
