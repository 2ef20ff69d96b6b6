"""The command line: `python -m vicreg train`, `evaluate`, `baseline`, `seeds`, `claims`, `list`, `lesson`, `publish`,
`download`.

Heavy modules are imported only when a command runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from vicreg.cli import claims, evaluate, hub, lesson, list_runs, train
from vicreg.training.torchrun import torchrun


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, 1 for an expected error, 130 if stopped by Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        return options.command(options)
    except KeyboardInterrupt:
        print("\nvicreg: stopped", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:  # RunError and DataError are ValueErrors, PicturesMissing is an OSError
        print(f"vicreg: {_who()}{error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The parser of the command line. `options.command` is the function that runs the chosen command."""
    parser = argparse.ArgumentParser(prog="python -m vicreg", description="Train, evaluate and compare VICReg runs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (train, evaluate, claims, list_runs, lesson, hub):
        group.add(commands)
    return parser


def _who() -> str:
    return f"rank {torchrun()[0]} of {torchrun()[1]}: " if torchrun()[1] > 1 else ""
