"""The commands that measure a run, and that train it again."""

from __future__ import annotations

import dataclasses
import shlex

import streamlit as st

from ui.run_picker import found, from_hub, metrics
from vicreg.config import DEFAULT_DATASET, Settings
from vicreg.data.catalogue import CATALOGUE
from vicreg.loss_terms import IN_LOSS
from vicreg.presets import QUICK_EPOCHS, QUICK_IMAGES, presets
from vicreg.runs.discovery import OWN
from vicreg.runs.folder import Run
from vicreg.storage.paths import BUNDLED, CONFIG_FILE


def evaluate_command(*runs: Run, only: str = "") -> str:
    """The command that measures runs. only: a section, if not all. Leaves out runs of the Hub; empty if no other is left."""
    here = found()[0]
    names = {run.folder: name for name, run in here.items()}
    names |= {  # where one of your runs has the name of a bundled one, its folder is meant
        here[run.name].folder: f"{BUNDLED.name}/{run.name}" for name, run in here.items() if name == f"{run.name}{OWN}"
    }
    words = [shlex.quote(names.get(run.folder, run.name)) for run in runs if not from_hub(run)]
    return " ".join(["python -m vicreg evaluate", *words, *(["--only", only] if only else [])]) if words else ""


def how_to_measure(run: Run, *, only: str = "") -> str:
    """A sentence with the command that measures a run, or with who else can. only: a section, if not all."""
    command = evaluate_command(run, only=only)
    return f"To measure it: `{command}`." if command else "It comes from the Hub: ask its owner to measure it."


def has(run: Run, section: str) -> bool:
    """Whether the run has this section of metrics. If not, shows a message that says what to do."""
    if section in metrics(run):
        return True
    st.info(f"`{run.title}` was not measured for this page yet. {how_to_measure(run)}", icon=":material/info:")
    return False


def train_command(run: Run) -> str:
    """The command that trains the run again: its preset and options, or its config.json."""
    known = presets(run.config.dataset)
    preset = known.get(run.config.preset, known["vicreg"])
    quick, few = _is_quick(run), _few_images(run)
    preset = dataclasses.replace(preset, epochs=QUICK_EPOCHS) if quick else preset
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
    own, note = preset, ""
    if dataclasses.replace(preset, **same) != run.config:  # settings without an option
        file, note = _config_file(run)
        words, own = ["python -m vicreg train", f"--config {file}"], run.config
    if quick:
        words.append("--quick")
    if few and not (quick and few == QUICK_IMAGES):
        words.append(f"--images {few}")
    if run.name != own.run_name:
        words.append(f"--name {shlex.quote(run.name)}")
    return " ".join(words) + note


def _few_images(run: Run) -> int:
    """The number of train images, if the run was trained on the first ones only; otherwise 0."""
    images = run.record["data"]["train"]["images"]
    return images if images < CATALOGUE[run.config.dataset].train_images else 0


def _is_quick(run: Run) -> bool:
    """Whether the run was trained with `--quick`, as far as it shows: few images, and a short evaluation and no other."""
    from vicreg.evaluation.report import QUICK, SECTIONS  # which loads pandas

    measured = {name for name in SECTIONS if name in metrics(run)}
    return bool(_few_images(run)) and {*QUICK} - {"attributes"} <= measured <= {*QUICK}


def _config_file(run: Run) -> tuple[str, str]:
    """The run's config.json for a command, and a comment: visitors have no path on a hosted server."""
    from ui.live_training.training_limits import hosted

    if hosted():
        return CONFIG_FILE, f"  # the {CONFIG_FILE} of this run"
    return shlex.quote(str(run.folder / CONFIG_FILE)), ""
