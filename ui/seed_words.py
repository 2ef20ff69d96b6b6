"""How far figures move with the seed, for pages: a sentence about two runs, and the other seeds' values for charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ui.run_picker import metrics, title
from vicreg.runs import seeds
from vicreg.runs.folder import Run


def seeds_frame(runs: Mapping[str, Run], figures: Mapping[str, str]) -> pd.DataFrame:
    """What, run, accuracy: a row for each other seed. runs: by title. figures: a chart's name for it -> that in `seeds`."""
    rows = [
        {"what": what, "run": name, "accuracy": value}
        for name, run in runs.items()
        for what, figure in figures.items()
        for value in seeds.others(metrics(run), figure)
    ]
    return pd.DataFrame(rows, columns=["what", "run", "accuracy"])


def seeds_sentence(run: Run, second: Run | None, figure: str, *, says: str) -> str:
    """Whether a figure's difference between two runs is more than the seeds make, in sentences.

    figure: its name in `seeds`, in percent, which the runs must have. says: what it is, with its verb, such as `The probe
    of y reads`. Empty if neither run has a seed.
    """
    both = [one for one in (run, second) if one is not None]
    spreads = {title(one): seeds.spread(metrics(one), figure) for one in both}
    ranges = [
        f"{over.least:.1f} to {over.most:.1f} % over {over.seeds} seeds of `{name}`"
        for name, over in spreads.items()
        if over is not None
    ]
    if not ranges:
        return _one_seed(both)
    sentence = f"**Seeds.** {says} {' and '.join(ranges)}."
    known = seeds.apart(metrics(run), metrics(second), figure) if second is not None else None
    if known is None:
        return sentence
    if known.counts:
        return f"{sentence} The difference of {known.difference:.1f} points is larger than the spread over seeds."
    return (
        f"{sentence} The difference of {known.difference:.1f} points is within the spread over seeds "
        f"({known.width:.1f} points), so it is **not a finding**."
    )


def _one_seed(runs: Sequence[Run]) -> str:
    """That the runs have one seed each; empty if none has a seed, because nothing about pixels and eigenmaps is random."""
    seeded = [one for one in runs if one.has_network]
    if not seeded:
        return ""
    who = f"`{title(seeded[0])}`" if len(seeded) < len(runs) else "Each run" if len(runs) > 1 else "This run"
    how = "measured with one seed" if any(one.baseline for one in seeded) else "trained once"
    return f"**Seeds.** {who} was {how}: how much another seed would change these figures is not known."
