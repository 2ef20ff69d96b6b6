"""`list`: a table of the runs on this machine, or the README's tables of bundled runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vicreg.cli.output import print_table
from vicreg.study_results import STUDY_PROBES

if TYPE_CHECKING:
    from vicreg.runs.folder import Run


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    listing = commands.add_parser(
        "list", help="list the runs on this machine", description="List the runs on this machine."
    )
    listing.set_defaults(command=_list)
    listing.add_argument(
        "--write", type=Path, metavar="FILE", help="update the tables of bundled runs in a Markdown file instead"
    )


def _list(options: argparse.Namespace) -> int:
    if options.write is not None:
        return _write(options.write)
    from vicreg.hub.run_downloads import cached_runs, default_repo
    from vicreg.runs.discovery import find_runs
    from vicreg.storage import paths
    from vicreg.storage.hub_client import parse

    found, broken = find_runs()
    places = {paths.BUNDLED: "bundled", paths.runs_folder(): "own"}
    if repo := default_repo():
        fetched, more = cached_runs(*parse(repo))  # from the cache only, without the network
        found |= {f"{name}@{repo}": run for name, run in fetched.items()}
        broken += more
    rows: list[tuple[str, ...]] = [
        ("run", "encoder", "epochs", "probe, %", "the study", "kNN, %", "rank", "AUROC", "NMI", "MB", "where")
    ]
    for name, run in found.items():
        try:
            figures = figures_of(run)
        except ValueError as error:  # names the damaged file
            broken.append(str(error))
            figures = ("damaged", "", "", "", "", "")
        size = sum(entry["bytes"] for entry in run.record["files"].values()) / 1e6
        where = places.get(run.folder.parent, "the Hub's cache")
        encoder, epochs = run.config.encoder, str(run.record["epochs"])
        if run.baseline:
            encoder, epochs = encoder if run.has_network else run.baseline, "-"
        rows.append((name, encoder, epochs, *figures, f"{size:.1f}", where))
    print_table(rows)
    for sentence in broken:
        print(f"vicreg: {sentence}", file=sys.stderr)
    if not found:
        print("No runs yet. Train one with `python -m vicreg train`.")
    print(f"For comparison, the study's linear probe: {STUDY_PROBES['vicreg']} % (VICReg, 30 epochs).")
    return 1 if broken else 0


def _write(path: Path) -> int:
    from vicreg.runs.folder import open_run
    from vicreg.runs.readme_tables import filled
    from vicreg.storage import paths
    from vicreg.storage.files import atomic_path

    runs = [open_run(config.parent) for config in sorted(paths.BUNDLED.glob("*/config.json"))]
    with atomic_path(path) as new:
        new.write_text(filled(path.read_text("utf-8"), runs), "utf-8")
    print(f"Updated the tables of {len(runs)} bundled runs in {path}.")
    return 0


def figures_of(run: Run) -> tuple[str, ...]:
    """A run's figures as `list` and the README show them: probe, the study's probe, kNN, rank, AUROC, NMI."""
    from vicreg.runs.readme_tables import FIGURES

    return tuple(cell(run) for _, cell in FIGURES) if run.metrics else ("not yet", *[""] * (len(FIGURES) - 1))
