"""Output of the commands: progress bars, tables and lines."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vicreg.loss_terms import NAMES

if TYPE_CHECKING:
    from tqdm import tqdm

    from vicreg.training.progress import Progress


def say(text: str) -> None:
    """Print a line and flush. A log on a full disk must not end a training."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of cells with aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


class Bars:
    """tqdm bars for the steps and for each stage of the evaluation. Plain lines if the output is not a terminal."""

    def __init__(self) -> None:
        self.bar: tqdm | None = None
        self.label = ""
        self.watched = sys.stderr.isatty()

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def _bar(self, label: str, total: int, unit: str) -> tqdm:
        from tqdm import tqdm

        if self.bar is None or self.label != label:
            if self.bar is not None:
                self.bar.close()
            self.bar, self.label = tqdm(total=total, desc=label, unit=unit, dynamic_ncols=True, mininterval=1), label
        return self.bar

    def training(self, progress: Progress) -> None:
        """Show a vicreg.training.progress.Progress."""
        from tqdm import tqdm

        shot, terms = progress.snapshot, progress.terms
        figures = f"epoch {progress.epoch}/{progress.epochs} total {terms['total']:.2f} "
        figures += " ".join(f"{name[:3]} {terms[name]:.3f}" for name in NAMES)
        if self.watched:
            bar = self._bar("training", progress.steps, "step")
            bar.set_postfix_str(figures, refresh=False)
            bar.update(progress.step - bar.n)
        elif progress.rows:
            say(f"{figures}, {progress.seconds:.0f} s")
        if shot is not None:
            line = f"epoch {shot.epoch}: kNN {100 * shot.knn_accuracy:.2f} %, effective rank {shot.effective_rank:.0f}"
            (tqdm.write if self.watched else say)(line)

    def stage(self, label: str, done: int, total: int) -> None:
        """Show the progress of an evaluation stage."""
        if not self.watched:
            if label != self.label:
                self.label = label
                say(f"{label} ...")
            return
        bar = self._bar(label, total, "it")
        bar.update(done - bar.n)
