"""`claims`: check the study's findings against the runs on this machine."""

from __future__ import annotations

import argparse
import sys

from vicreg.cli.output import print_table
from vicreg.config import DATASETS, DEFAULT_DATASET


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    claims = commands.add_parser(
        "claims",
        help="check the study's findings against the runs on this machine",
        description="Check the study's findings against the runs on this machine.",
    )
    claims.set_defaults(command=_claims)
    claims.add_argument("--dataset", choices=DATASETS, default=DEFAULT_DATASET, help=f"default: {DEFAULT_DATASET}")


def _claims(options: argparse.Namespace) -> int:
    import textwrap

    from vicreg.claims import family, findings
    from vicreg.runs.discovery import find_runs

    found, broken = find_runs()
    chosen, left_out = family(found, options.dataset)
    judged = findings({name: run.metrics for name, run in chosen.items()})
    rows = [("", "the study", "verdict", "finding")]
    rows += [(f"{n}.", claim.study, finding.verdict, claim.words) for n, (claim, finding) in enumerate(judged, start=1)]
    print_table(rows)
    for number, (claim, finding) in enumerate(judged, start=1):
        text = f"{claim.name}: {finding.ours}. {finding.why}" if finding.ours else f"{claim.name}: {finding.why}"
        print(textwrap.fill(text, 110, initial_indent=f"{number:2}. ", subsequent_indent="    "))
    listed = (f"{name} ({'not trained' if run.baseline else run.record['epochs']})" for name, run in chosen.items())
    print(
        textwrap.fill(
            f"Runs and their epochs: {', '.join(listed) or 'none'}. All on {options.dataset}, n = test images.", 110
        )
    )
    for sentence in (*broken, *left_out):
        print(f"vicreg: {sentence}", file=sys.stderr)
    return 1 if broken else 0
