"""`publish` and `download`: runs on the Hugging Face Hub."""

from __future__ import annotations

import argparse
import sys

from vicreg.cli.measure import chosen_runs
from vicreg.cli.output import Bars, print_table


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands to argparse's subparsers."""
    publish = commands.add_parser(
        "publish",
        help="put runs on the Hugging Face Hub",
        description="Put runs on the Hugging Face Hub; a second time, only what changed. `hf auth login` comes first.",
    )
    publish.set_defaults(command=_publish)
    publish.add_argument("repo", metavar="OWNER/NAME", help="the repository; it is made if there is none")
    publish.add_argument("runs", nargs="*", metavar="RUN", help="names or folders; default: every bundled run")
    publish.add_argument("--private", action="store_true", help="make a new repository private")

    download = commands.add_parser(
        "download",
        help="bring runs in from the Hugging Face Hub",
        description="Bring runs in from the Hugging Face Hub, every file checked. Ctrl-C stops; what is here stays.",
    )
    download.set_defaults(command=_download)
    download.add_argument(
        "words",
        nargs="*",
        metavar="OWNER/NAME[@REVISION] | RUN",
        help=("the repository (default: VICREG_HUB), then names of runs (default: all)"),
    )


def _publish(options: argparse.Namespace) -> int:
    from vicreg.hub.publishing import publish
    from vicreg.runs.discovery import find_runs
    from vicreg.storage import paths

    found, broken = find_runs()
    for sentence in broken:
        print(f"vicreg: {sentence}", file=sys.stderr)
    bundled = [name for name, run in found.items() if run.folder.parent == paths.BUNDLED]
    runs = chosen_runs(options.runs or bundled, found)
    with Bars() as bars:
        commit = publish(options.repo, runs, private=options.private, on_progress=bars.stage)
    print(f"{len(runs)} runs, pinned as {options.repo}@{commit}. To load them:")
    for run in runs:
        print(f'vicreg.load("{options.repo}@{commit}", run="{run.name}")')
    return 0


def _download(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from vicreg.hub import downloads
    from vicreg.storage.hub_client import parse

    named = bool(options.words) and "/" in options.words[0]
    repo = options.words[0] if named else downloads.default_repo()
    if not repo:
        raise ValueError("name a repository, OWNER/NAME[@REVISION], or set VICREG_HUB to one")
    shelf = downloads.look(*parse(repo))
    names = options.words[named:] or [name for name, entry in shelf.runs.items() if not entry.readable]
    rows = [("run", "data set", "encoder", "epochs", "MB", "to fetch, MB")]
    for name, entry in shelf.runs.items():
        if entry.readable:
            print(f"vicreg: {entry.readable}", file=sys.stderr)
        else:
            missing = f"{downloads.missing_bytes(shelf, [name]) / 1e6:.1f}" if name in names else "-"
            size = f"{entry.bytes / 1e6:.1f}"
            rows.append((name, entry.dataset, entry.encoder, str(entry.epochs or "-"), size, missing))
    print_table(rows)
    try:
        with tqdm(total=downloads.missing_bytes(shelf, names), unit="B", unit_scale=True, desc=shelf.repo) as bar:
            downloads.download(shelf, names, on_bytes=lambda done, total: bar.update(done - bar.n))
    except KeyboardInterrupt:
        print("Stopped. What was here before is still here, and the same command goes on from there.", file=sys.stderr)
        return 130
    print(f"{len(names)} runs are in the Hub's cache, pinned as {shelf.repo}@{shelf.commit}.")
    return 0
