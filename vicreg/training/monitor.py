"""What is measured before the first step and after every epoch: history rows and snapshots."""

from __future__ import annotations

import math

import numpy as np

from vicreg.config import Config
from vicreg.method.networks import Encoder, Expander
from vicreg.training.distributed import Team
from vicreg.training.progress import Meter, Reporter, history_row
from vicreg.training.snapshots import SNAPSHOTS, STEPS_APART, Snapshot, Snapshotter
from vicreg.training.state import State
from vicreg.training.step import on_device, test_loss


class Monitor:
    """Adds history rows and snapshots to a state, and reports them. Only rank 0 measures, while the others wait.

    Arguments as in `loop.train`. meter: the terms of the steps. reporter: gets all reports.
    """

    def __init__(
        self,
        config: Config,
        encoder: Encoder,
        expander: Expander,
        snapshotter: Snapshotter,
        test_images: np.ndarray,
        test_neighbours: np.ndarray | None,
        state: State,
        team: Team,
        meter: Meter,
        reporter: Reporter,
    ) -> None:
        self.config, self.encoder, self.expander, self.snapshotter = config, encoder, expander, snapshotter
        self.images, self.state, self.team, self.meter, self.reporter = test_images, state, team, meter, reporter
        self.neighbours = None if test_neighbours is None else on_device(team.device, test_neighbours)
        self.steps_an_epoch = reporter.steps_an_epoch

    def untrained(self) -> None:
        """Measure the untrained network: epoch 0 of every curve."""
        state, reporter = self.state, self.reporter
        terms, snapshot = self.team.from_leader(lambda: (self._terms(), self._snapshot(0)))
        state.history.append(history_row(0, "test", terms, 0.0, 0.0))
        state.snapshots.append(snapshot)
        reporter.report(terms, 0.0, rows=tuple(state.history), snapshot=snapshot)
        reporter.begin_pace()  # measure the speed of the steps only

    def end_epoch(self, rate: float) -> None:
        """Add the mean terms of the epoch, the terms on the test images, and a snapshot if one is due.

        rate: the learning rate of the last step.
        """
        state, last = self.state, self.meter.read()
        epoch, seconds = state.step // self.steps_an_epoch, self.reporter.seconds()
        of_split = {"train": self.meter.means(self.steps_an_epoch), "test": self.team.from_leader(self._terms)}
        rows = [history_row(epoch, split, terms, rate, seconds) for split, terms in of_split.items()]
        state.history += rows
        snapshot = None
        if snapshot_due(self.config, self.steps_an_epoch, epoch):
            snapshot = self.team.from_leader(lambda: self._snapshot(epoch))
            state.snapshots.append(snapshot)
        self.reporter.report(last, rate, rows=tuple(rows), snapshot=snapshot)

    def _terms(self) -> dict[str, float]:
        """The terms on the test images."""
        return test_loss(
            self.encoder,
            self.expander,
            self.images,
            self.config,
            neighbours=self.neighbours,
            precision=self.state.precision,
        )

    def _snapshot(self, epoch: int) -> Snapshot:
        """A snapshot of the current networks."""
        previous = self.state.snapshots[-1] if self.state.snapshots else None
        return self.snapshotter.take(self.encoder, self.expander, epoch=epoch, previous=previous)


def snapshot_due(config: Config, steps_an_epoch: int, epoch: int) -> bool:
    """Whether a snapshot is taken at the end of an epoch (the first is 1). The last epoch always has one."""
    return epoch % _epochs_between_snapshots(config, steps_an_epoch) == 0 or epoch == config.epochs


def snapshots_of(config: Config, steps: int) -> int:
    """The number of snapshots of a training with this many steps, including that of the untrained network."""
    apart = _epochs_between_snapshots(config, steps // config.epochs)
    return 1 + -(-config.epochs // apart)


def _epochs_between_snapshots(config: Config, steps_an_epoch: int) -> int:
    apart = math.ceil(min(STEPS_APART, steps_an_epoch * config.epochs / 4) / steps_an_epoch)
    return max(1, round(config.epochs / SNAPSHOTS), apart)
