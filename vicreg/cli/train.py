"""`train`: train a preset, or resume a training run that was stopped."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vicreg.cli.interrupts import stop_on_interrupt
from vicreg.cli.output import Bars
from vicreg.config import (
    DATASETS,
    DEFAULT_DATASET,
    ENCODERS,
    OPTIMISERS,
    PRECISIONS,
    Config,
)
from vicreg.data.catalogue import CATALOGUE
from vicreg.loss_terms import IN_LOSS
from vicreg.presets import PRESETS, QUICK_EPOCHS, QUICK_IMAGES, presets
from vicreg.storage.paths import CONFIG_FILE, training_folder
from vicreg.training.torchrun import torchrun

if TYPE_CHECKING:
    from vicreg.jobs.training_process import Session
    from vicreg.runs.folder import Run
    from vicreg.training.progress import Progress


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    train = commands.add_parser(
        "train",
        help="train a preset, or resume a training run that was stopped",
        description="Train a preset and evaluate it. Ctrl-C saves and stops; run the same command again to resume.",
    )
    train.set_defaults(command=_train)
    train.add_argument("--preset", choices=sorted(PRESETS), help="default: vicreg")
    train.add_argument("--dataset", choices=DATASETS, help=f"default: {DEFAULT_DATASET}")
    train.add_argument("--config", type=Path, metavar="FILE", help="settings from a JSON file, such as a config.json")
    train.add_argument("--encoder", choices=ENCODERS, help="default: from the preset (lean; tiny for coloured digits)")
    train.add_argument("--optimiser", choices=OPTIMISERS, help="default: from the preset")
    for name, kind, text in (
        ("epochs", int, "passes over the training images"),
        ("batch-size", int, "images per step, of all processes together"),
        ("learning-rate", float, "peak learning rate"),
        ("weight-decay", float, "applies to matrices only"),
        ("warmup-steps", int, "steps of linear warm-up of the learning rate"),
        ("seed", int, "seed for initial weights, image order and views"),
        *((term.option, float, f"{term.greek} in the loss") for term in IN_LOSS),
    ):
        train.add_argument(f"--{name}", type=kind, metavar="N", help=f"{text}; default: from the preset")
    train.add_argument(
        "--teacher", metavar="NAME", help="run that finds the neighbours for neighbour-views; default: vicreg"
    )
    train.add_argument("--view-size", type=int, metavar="PIXELS", help="side of a view; default: from the preset")
    train.add_argument("--images", type=int, metavar="N", help="train on the first N training images only")
    train.add_argument("--device", default="auto", help="auto, cpu, cuda or mps; default: auto")
    train.add_argument("--compile", action="store_true", help="use torch.compile")
    train.add_argument("--precision", choices=PRECISIONS, help="default: the faster one, found by timing a few steps")
    train.add_argument(
        "--skip-evaluation", action="store_true", help="train only; run `evaluate` later, on any machine"
    )
    train.add_argument(
        "--quick",
        action="store_true",
        help=f"for a lesson: by default {QUICK_EPOCHS} epochs on {QUICK_IMAGES:,} images; a short evaluation with them",
    )
    train.add_argument("--folder", type=Path, help="where to write the run; default: VICREG_RUNS or your cache folder")
    train.add_argument("--name", help="name of the run and its folder; default: DATASET-PRESET")
    train.add_argument(
        "--replace", action="store_true", help="train again even if a finished run with this name exists"
    )
    train.add_argument(
        "--beside", action="store_true", help="train even if another training run is in progress on this machine"
    )
    train.add_argument(
        "--max-seconds", type=_positive(float), metavar="N", help="save and stop after this much training time in total"
    )
    train.add_argument(
        "--max-disk",
        type=_positive(int),
        metavar="BYTES",
        help="save and stop if the training folder gets larger than this",
    )
    train.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="also write the curves for TensorBoard to this folder"
    )


def _positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    """An argparse type that accepts only positive numbers."""

    def read(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be more than 0, got {text}")
        return value

    read.__name__ = kind.__name__  # argparse uses it in "invalid int value"
    return read


def _train(options: argparse.Namespace) -> int:
    config = config_of(options)
    if options.quick and options.images is None:
        options.images = min(QUICK_IMAGES, CATALOGUE[config.dataset].train_images)
    from vicreg.storage import paths

    root = options.folder or paths.runs_folder()
    name = options.name or config.run_name
    if Path(name).name != name or name.startswith("."):
        raise ValueError(f"--name must be a plain folder name, got {name!r}")
    if (root / name / CONFIG_FILE).exists() and not options.replace:
        raise ValueError(
            f"a finished run {name} already exists: use --replace to train it again, or --name to choose another name"
        )
    with stop_on_interrupt() as asked, _session(options, config, root, name) as session, Bars() as bars:
        run = _trained(options, config, root / name, session, bars, should_stop=lambda: asked() or bool(session.reason))
        if run is None:
            session.say("stopped", reason=session.reason)
        elif options.skip_evaluation:
            session.say("finished")
        else:
            accuracy, interval = run.metrics["probe"]["accuracy"], list(run.metrics["probe"]["interval"])
            session.say("finished", accuracy=accuracy, interval=interval)
    if run is None and torchrun()[0] > 0:
        return 0  # rank 0 reports how it ended
    if run is None:
        state = training_folder(root / name)
        if not state.exists():
            print("Stopped before the first step. Nothing was saved.")
        elif session.reason:
            print(f"Stopped: {session.reason}. (State: {state}.)")
        else:
            print(f"Stopped and saved. Run the same command again to resume. (State: {state}.)")
        return 130 if torchrun()[1] == 1 else 0  # otherwise torchrun reports a failure, with a traceback
    if options.skip_evaluation:
        print(
            f"{run.title}: trained but not evaluated. To do so: `python -m vicreg evaluate {shlex.quote(str(run.folder))}`"
        )
        return 0
    probe = run.metrics["probe"]
    low, high = probe["interval"]
    print(
        f"{run.title}: linear probe {probe['accuracy']:.2f} % (95 % interval {low:.2f} to {high:.2f}), in {run.folder}"
    )
    return 0


class _Stop(Exception):
    """Raised to end reading or evaluation when a stop was requested."""


def _session(
    options: argparse.Namespace, config: Config, root: Path, name: str
) -> contextlib.AbstractContextManager[Session]:
    """The training session for these options."""
    from vicreg.jobs.record import Limits
    from vicreg.jobs.training_process import session

    flags = ("replace", "beside", "compile", "skip_evaluation", "quick")
    more = [f"--{flag.replace('_', '-')}" for flag in flags if getattr(options, flag)]
    if options.precision is not None:
        more += ["--precision", options.precision]
    if options.tensorboard is not None:
        more += ["--tensorboard", str(options.tensorboard.absolute())]
    return session(
        training_folder(root / name).absolute(),
        config,
        images=options.images,
        device=options.device,
        limits=Limits(seconds=options.max_seconds, disk_bytes=options.max_disk),
        beside=options.beside,
        more=more,
    )


def _trained(
    options: argparse.Namespace,
    config: Config,
    folder: Path,
    session: Session,
    bars: Bars,
    *,
    should_stop: Callable[[], bool],
) -> Run | None:
    """Train and return the run, or None if it was stopped. Reports to the bars, the event log and TensorBoard."""
    from vicreg.pipeline.train_run import train_run
    from vicreg.training.freed_memory import keep_freed_memory

    keep_freed_memory()

    def stage(label: str, done: int, total: int) -> None:
        bars.stage(label, done, total)
        session.stage(label, done, total)
        if should_stop() and torchrun()[1] == 1:  # under torchrun, stop only between training steps
            raise _Stop

    with contextlib.ExitStack() as stack:
        hear = [bars.training, session.progress]
        if options.tensorboard is not None and torchrun()[0] == 0:
            from vicreg.training.tensorboard import Scalars

            hear.append(stack.enter_context(Scalars(options.tensorboard)).progress)

        def progress(moment: Progress) -> None:
            for told in hear:
                told(moment)

        stack.enter_context(contextlib.suppress(_Stop))
        return train_run(
            config,
            folder,
            device=options.device,
            images=options.images,
            compile=options.compile,
            precision=options.precision,
            evaluate=not options.skip_evaluation,
            quick=options.quick,
            download=True,
            on_plan=session.planned,
            on_progress=progress,
            on_stage=stage,
            should_stop=should_stop,
        )
    return None


def config_of(options: argparse.Namespace) -> Config:
    """The Config for these options. Raises ValueError for options that contradict each other."""
    if options.config is None:
        config = presets(options.dataset or DEFAULT_DATASET)[options.preset or "vicreg"]
    elif options.preset or options.dataset:
        raise ValueError("--config replaces --preset and --dataset: do not combine them")
    else:
        config = _config_file(options.config)
    fields = {field.name for field in dataclasses.fields(config)}
    given = {k: v for k, v in vars(options).items() if k in fields and k not in ("preset", "dataset") and v is not None}
    if options.quick and options.config is None:
        given.setdefault("epochs", QUICK_EPOCHS)
    if options.view_size is not None:
        given["views"] = dataclasses.replace(config.views, size=options.view_size)
    return dataclasses.replace(config, **given)


def _config_file(path: Path) -> Config:
    """The settings in a JSON file: either a Config, or an object with a "config" key, as in job.json and config.json."""
    import json

    try:
        found = json.loads(path.read_text("utf-8"))
        return Config.from_dict(found["config"] if isinstance(found, dict) and "config" in found else found)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"--config {path} cannot be used: {error}") from error
