"""`publish` and `download`: exchange runs with the Hugging Face Hub."""

from __future__ import annotations

import argparse
import sys

from vicreg.cli.evaluate import chosen_runs
from vicreg.cli.output import Bars, print_table


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register both commands."""
    publish = commands.add_parser(
        "publish",
        help="upload runs to the Hugging Face Hub",
        description="Upload runs to the Hugging Face Hub. Log in first with `hf auth login`. Only changed files are uploaded.",
    )
    publish.set_defaults(command=_publish)
    publish.add_argument("repo", metavar="OWNER/NAME", help="the repository; created if it does not exist")
    publish.add_argument("runs", nargs="*", metavar="RUN", help="names or folders; default: every bundled run")
    publish.add_argument("--private", action="store_true", help="if the repository is new, make it private")

    download = commands.add_parser(
        "download",
        help="download runs from the Hugging Face Hub",
        description="Download runs from the Hugging Face Hub and check every file. Ctrl-C stops and keeps complete runs.",
    )
    download.set_defaults(command=_download)
    download.add_argument(
        "words",
        nargs="*",
        metavar="OWNER/NAME[@REVISION] | RUN",
        help=("the repository (default: VICREG_HUB), then run names (default: all)"),
    )


def _publish(options: argparse.Namespace) -> int:
    from vicreg.hub.publishing import publish
    from vicreg.runs.discovery import find_runs
    from vicreg.storage import paths

    found, broken = find_runs()
    bundled = [run for run in found.values() if run.folder.parent == paths.BUNDLED]
    if not options.runs:
        for sentence in broken:
            print(f"vicreg: {sentence}", file=sys.stderr)
        here = {config.parent.name for config in paths.BUNDLED.glob(f"*/{paths.CONFIG_FILE}")}
        if damaged := sorted(here - {run.name for run in bundled}):
            raise ValueError(f"{', '.join(damaged)} cannot be read, so nothing was published: name the runs to publish")
    runs = chosen_runs(options.runs, found) if options.runs else bundled
    with Bars() as bars:
        commit = publish(options.repo, runs, private=options.private, on_progress=bars.stage)
    print(f"Published {len(runs)} runs as {options.repo}@{commit}. To load them:")
    for run in runs:
        print(f'vicreg.load("{options.repo}@{commit}", run="{run.name}")')
    return 0


def _download(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from vicreg.hub import run_downloads
    from vicreg.storage.hub_client import parse

    named = bool(options.words) and "/" in options.words[0]
    repo = options.words[0] if named else run_downloads.default_repo()
    if not repo:
        raise ValueError("no repository given: pass OWNER/NAME[@REVISION], or set VICREG_HUB")
    shelf = run_downloads.look(*parse(repo))
    names = options.words[named:] or [name for name, entry in shelf.runs.items() if not entry.readable]
    rows = [("run", "data set", "encoder", "epochs", "MB", "to download, MB")]
    for name, entry in shelf.runs.items():
        if entry.readable:
            print(f"vicreg: {entry.readable}", file=sys.stderr)
        else:
            missing = f"{run_downloads.missing_bytes(shelf, [name]) / 1e6:.1f}" if name in names else "-"
            size = f"{entry.bytes / 1e6:.1f}"
            rows.append((name, entry.dataset, entry.encoder, str(entry.epochs or "-"), size, missing))
    print_table(rows)
    try:
        with tqdm(total=run_downloads.missing_bytes(shelf, names), unit="B", unit_scale=True, desc=shelf.repo) as bar:
            run_downloads.download(shelf, names, on_bytes=lambda done, total: bar.update(done - bar.n))
    except KeyboardInterrupt:
        print("Stopped. Complete runs are kept. Run the same command again to continue.", file=sys.stderr)
        return 130
    print(f"{len(names)} runs are in the Hub's cache as {shelf.repo}@{shelf.commit}.")
    return 0
