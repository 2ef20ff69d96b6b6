"""`evaluate` measures runs again; `baseline` makes baselines; `seeds` records how figures vary with the seed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vicreg.cli.output import Bars
from vicreg.config import BASELINES, DATASETS, DEFAULT_DATASET
from vicreg.storage.paths import CONFIG_FILE

if TYPE_CHECKING:
    from vicreg.runs.folder import Run


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the commands."""
    evaluate = commands.add_parser(
        "evaluate",
        help="measure runs again and rebuild metrics.json, results/ and the model card",
        description="Measure runs again and rebuild metrics.json, results/ and the model card.",
    )
    evaluate.set_defaults(command=_evaluate)
    evaluate.add_argument("runs", nargs="*", metavar="RUN", help="names or folders; default: all runs on this machine")
    evaluate.add_argument(
        "--only",
        nargs="+",
        metavar="SECTION",
        default=(),
        help="measure only these sections of metrics.json and keep the others",
    )

    baseline = commands.add_parser(
        "baseline",
        help="make and measure baselines for comparison",
        description="Make and measure baselines: the untrained encoder, pixels, Laplacian Eigenmaps of pixels.",
    )
    baseline.set_defaults(command=_baseline)
    baseline.add_argument("names", nargs="+", metavar="NAME", choices=BASELINES, help=", ".join(BASELINES))
    baseline.add_argument("--dataset", choices=DATASETS, default=DEFAULT_DATASET, help=f"default: {DEFAULT_DATASET}")
    baseline.add_argument(
        "--folder", type=Path, help="where to write the run; default: VICREG_RUNS or your cache folder"
    )

    seeds = commands.add_parser(
        "seeds",
        help="record how a run's figures vary with the seed",
        description="Record in a run's metrics how its figures vary with the seed. You may delete the other runs afterwards.",
    )
    seeds.set_defaults(command=_seeds)
    seeds.add_argument("run", metavar="RUN", help="name or folder of the run to update")
    seeds.add_argument(
        "others", nargs="+", metavar="OTHER", help="evaluated runs of the same training with other seeds"
    )


def _seeds(options: argparse.Namespace) -> int:
    from vicreg.runs.discovery import find_runs
    from vicreg.runs.seeds import figures, spread, with_seeds

    found, _ = find_runs()
    run, *others = chosen_runs([options.run, *options.others], found)
    run = with_seeds(run, others)
    for name in figures(run.metrics):
        if (over := spread(run.metrics, name)) is not None:
            print(f"{name}: {over.least:.2f} to {over.most:.2f} over {over.seeds} seeds")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from vicreg.pipeline.measure_run import evaluate_run
    from vicreg.runs.discovery import find_runs

    found, broken = find_runs()
    for sentence in [] if options.runs else broken:
        print(f"vicreg: {sentence}", file=sys.stderr)
    for run in chosen_runs(options.runs, found) if options.runs else found.values():
        with Bars() as bars:
            run = evaluate_run(run, only=options.only, download=True, on_stage=bars.stage)
        probe = run.metrics["probe"]
        print(
            f"{run.title}: linear probe {probe['accuracy']:.2f} % ({probe['interval'][0]:.2f} to {probe['interval'][1]:.2f})"
        )
    return 1 if broken and not options.runs else 0


def _baseline(options: argparse.Namespace) -> int:
    from vicreg.pipeline.make_baseline import make_baseline
    from vicreg.storage import paths

    for name in options.names:
        with Bars() as bars:
            run = make_baseline(
                name, options.folder or paths.runs_folder(), dataset=options.dataset, download=True, on_stage=bars.stage
            )
        probe = run.metrics["probe"]
        print(
            f"{run.title}: linear probe {probe['accuracy']:.2f} % "
            f"({probe['interval'][0]:.2f} to {probe['interval'][1]:.2f}), in {run.folder}"
        )
    return 0


def chosen_runs(names: Iterable[str], found: dict[str, Run]) -> list[Run]:
    """Runs given by name or by folder. Raises ValueError for a name that no run has, or a bundled run and one of yours."""
    from vicreg.runs.discovery import OWN
    from vicreg.runs.folder import open_run

    chosen = []
    for name in names:
        own = found.get(f"{name}{OWN}")
        if name in found and own is not None and own.name == name:
            raise ValueError(
                f"{name} is the name of two runs: use {name}{OWN} for yours, or {found[name].folder} for the other"
            )
        if name in found:
            chosen.append(found[name])
        elif (Path(name) / CONFIG_FILE).is_file():
            chosen.append(open_run(name))
        else:
            raise ValueError(f"there is no run {name!r} on this machine; found: {', '.join(found) or 'none'}")
    return chosen
