"""Write a training's curves for TensorBoard: `python -m vicreg train --tensorboard DIR`, then `tensorboard --logdir DIR`.

`train/*` contains the three unweighted terms, the total and the learning rate per step. `snapshot/*` contains the kNN
accuracy and the effective rank at each snapshot. TensorBoard is imported only here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from vicreg.training.progress import Progress

POINTS = 2_000  # points per curve, at most


class Scalars:
    """Writes the reports of `pipeline.train_run` to a folder.

    Raises ValueError if TensorBoard is not installed or the folder is not writable.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ValueError(
                "--tensorboard needs TensorBoard, which is not installed: `pip install tensorboard`"
            ) from error
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise ValueError(
                f"--tensorboard {folder} is not writable ({error.strerror}): choose another folder"
            ) from error
        self._open = lambda step: SummaryWriter(str(folder), purge_step=step)
        self._writer: SummaryWriter | None = None
        self._next = 0

    def __enter__(self) -> Scalars:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def progress(self, progress: Progress) -> None:
        """Write a `training.progress.Progress`: at most 2,000 evenly spaced steps of a run, and every snapshot."""
        if self._writer is None:
            self._writer = self._open(progress.step)  # a resumed run replaces everything after its saved state
        if progress.step >= self._next or progress.step == progress.steps:
            self._next = progress.step + -(-progress.steps // POINTS)
            for name, value in progress.terms.items():
                self._writer.add_scalar(f"train/{name}", value, progress.step)
            self._writer.add_scalar("train/learning_rate", progress.learning_rate, progress.step)
        if progress.snapshot is not None:
            shot = progress.snapshot
            self._writer.add_scalar("snapshot/knn_accuracy", shot.knn_accuracy, progress.step)
            self._writer.add_scalar("snapshot/effective_rank", shot.effective_rank, progress.step)
