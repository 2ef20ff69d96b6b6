"""The training loop: two views, encoder, expander, three terms, optimiser step.

`train` can be stopped or killed at any moment. All randomness comes from generators seeded by (seed, purpose, counter): the
order of an epoch by its number, the views of a step by its number. So a resumed run needs only the weights, the optimiser
state and the step. It ends with the same weights as an uninterrupted run.

The same holds under torchrun (`vicreg.training.distributed`). Each process draws the parameters of the whole batch and uses
its rows, so the images of a step do not depend on the number of processes, and a run can resume with another number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from vicreg.config import Config
from vicreg.evaluation.array_checks import check_images
from vicreg.method.networks import Encoder, Expander, networks
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import STATE_FILE
from vicreg.training.batches import Batches
from vicreg.training.distributed import Team, gather_with_gradients, synchronise_norms, world
from vicreg.training.estimate import choose_precision
from vicreg.training.graphed_step import step_of
from vicreg.training.learning_rate import set_learning_rate
from vicreg.training.monitor import Monitor
from vicreg.training.optimiser import make_optimiser
from vicreg.training.progress import Meter, Progress, Reporter
from vicreg.training.snapshots import Snapshot, Snapshotter
from vicreg.training.state import SavedState, saved_precision

READ_EVERY = 20  # steps between two readings of the loss, if reading waits for the device


@dataclass
class Trained:
    """The result of training: networks in eval mode, one history row per epoch and split, snapshots, training seconds.

    finished: False if should_stop ended it early. To resume, call `train` again with the same folder.
    precision: of the forward passes.
    """

    encoder: Encoder
    expander: Expander
    history: list[JsonObject]
    snapshots: list[Snapshot]
    seconds: float
    finished: bool
    precision: str


def train(
    config: Config,
    train_images: np.ndarray,
    test_images: np.ndarray,
    *,
    train_labels: np.ndarray,
    test_labels: np.ndarray,
    neighbours: tuple[np.ndarray, np.ndarray] | None = None,
    folder: Path,
    device: str | torch.device = "cpu",
    team: Team | None = None,
    compile: bool = False,
    precision: str | None = None,
    read_every: int | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train `config` and return the networks. Resumes if an earlier call with this folder was stopped.

    train_images, test_images: uint8 (N, 32, 32, 3).
    train_labels, test_labels: (N,). Never trained on; used only for the kNN accuracy of the snapshots.
    neighbours: for nearest images as positives: (of train, of test), each (N, k), the rows of every image's nearest
        images in its own split. A resumed run needs the same.
    folder: for the state, which is written atomically after every epoch and when should_stop() returns True.
    team: the processes that train together (`distributed.joined`). Each makes the same call. config.batch_size is the
        global batch size; only rank 0 uses the folder; should_stop() on any process stops all.
    compile: use torch.compile. Off by default: on two CPU cores compiling took 39 s, and steps were 25 % slower (235
        instead of 311 images per second). `python -m benchmarks.throughput` measures it on other devices.
    precision: of the forward pass, one of `config.PRECISIONS`. None times a few steps and takes the faster one, or keeps
        the precision of a resumed run.
    read_every: steps between two readings of the loss. Each reading waits for the device, calls on_progress, and checks
        that the loss is finite. Default: 1 on a CPU, else 20. The loss is also read at the end of an epoch and at a stop,
        before anything is saved.

    Raises ValueError for images or neighbours that do not fit the config, and for a batch that does not divide evenly
    among the processes. Raises TrainingError for a saved state of another config or of other train images, and if the loss
    or weights are not finite.
    """
    team = team or Team(device=torch.device(device))
    read_every = _checked(config, train_images, test_images, neighbours=neighbours, team=team, read_every=read_every)
    file = Path(folder) / STATE_FILE
    precision = precision or team.from_leader(lambda: saved_precision(file) or choose_precision(config, team.device))
    encoder, expander = networks(config, team.device)
    optimiser = make_optimiser(config, encoder, expander, precision=precision)
    saved = SavedState(file, config, train_images, encoder, expander, optimiser)
    state = saved.restored(team)
    state.precision = precision
    train_near, test_near = neighbours or (None, None)
    batches = Batches(config, train_images, train_near, team)
    take = _step(config, encoder, expander, optimiser, team, precision=precision, compile=compile)
    steps_an_epoch = len(train_images) // config.batch_size
    steps = steps_an_epoch * config.epochs
    meter = Meter(state, config, team)
    reporter = Reporter(state, steps_an_epoch, config.epochs, on_progress)
    snapshotter = Snapshotter(train_images, train_labels, test_images, test_labels)
    monitor = Monitor(config, encoder, expander, snapshotter, test_images, test_near, state, team, meter, reporter)

    if state.step == 0 and not state.history:
        monitor.untrained()
    while state.step < steps:
        if state.step % steps_an_epoch == 0:
            meter.begin_epoch()
        rate = set_learning_rate(optimiser, config, state.step, steps)
        encoder.train()
        expander.train()
        meter.add(take(batches.views(state.step)))
        state.step += 1
        if state.step % steps_an_epoch == 0:
            monitor.end_epoch(rate)
            saved.save(state, team)
        elif meter.unread >= read_every:
            reporter.report(meter.read(), rate)
        if team.any(should_stop()):
            break

    if state.step < steps:
        if meter.unread:
            reporter.report(meter.read(), rate)
        saved.save(state, team)
    own = _own(encoder, expander, config, team)
    return Trained(*own, state.history, state.snapshots, state.seconds, state.step == steps, precision)


def _own(encoder: Encoder, expander: Expander, config: Config, team: Team) -> tuple[Encoder, Expander]:
    """The networks with ordinary, single-process BatchNorm, in eval mode."""
    if team.size == 1:
        return encoder.eval(), expander.eval()
    own = networks(config, team.device)
    for mine, shared in zip(own, (encoder, expander), strict=True):
        mine.load_state_dict(shared.state_dict())
        mine.eval()
    return own


def _checked(
    config: Config,
    train_images: np.ndarray,
    test_images: np.ndarray,
    *,
    neighbours: tuple[np.ndarray, np.ndarray] | None,
    team: Team,
    read_every: int | None,
) -> int:
    """The number of steps between two readings of the loss. Raises ValueError for inconsistent arguments."""
    if team.size != world()[1]:
        raise ValueError(f"there are {world()[1]} processes: pass team, from `distributed.joined`, to each of them")
    team.share(config.batch_size)
    if read_every is None:
        read_every = 1 if team.device.type == "cpu" else READ_EVERY
    if read_every < 1:
        raise ValueError(f"read_every must be at least 1 step, got {read_every}")
    if (config.positives == "neighbours") != (neighbours is not None):
        raise ValueError(f"positives are {config.positives}, but neighbours were {'' if neighbours else 'not '}given")
    check_images(train_images, name="train_images")
    check_images(test_images, name="test_images")
    if len(train_images) < config.batch_size:
        raise ValueError(
            f"batch_size {config.batch_size} needs at least as many training images, got {len(train_images)}"
        )
    if len(test_images) < 2:
        raise ValueError(f"the test loss needs at least 2 test images, got {len(test_images)}")
    for table, images in zip(neighbours or (), (train_images, test_images), strict=False):
        _check_neighbours(table, len(images))
    return read_every


def _step(
    config: Config,
    encoder: Encoder,
    expander: Expander,
    optimiser: torch.optim.Optimizer,
    team: Team,
    *,
    precision: str,
    compile: bool,
) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """The function that takes a step: views -> terms. It updates the networks and the optimiser."""
    network = _shared(encoder, expander, team, compile=compile)
    gather = gather_with_gradients if team.size > 1 else None
    return step_of(network, optimiser, config, team.device, precision=precision, gather=gather, graph=not compile)


def _shared(encoder: Encoder, expander: Expander, team: Team, *, compile: bool) -> nn.Module:
    """The function from views to embeddings for a step; with several processes, BatchNorm and gradients span them all."""
    network: nn.Module = nn.Sequential(encoder, expander)
    if team.size > 1:
        synchronise_norms(network)
        devices = [team.device] if team.device.type == "cuda" else None
        network = nn.parallel.DistributedDataParallel(
            network, device_ids=devices, forward_sync_buffers=False, gradient_as_bucket_view=True
        )
    return cast(nn.Module, torch.compile(network)) if compile else network


def _check_neighbours(table: np.ndarray, images: int) -> None:
    whole = np.issubdtype(table.dtype, np.integer) and table.ndim == 2 and len(table) == images and table.shape[1] >= 1
    if not whole or table.min() < 0 or table.max() >= images:
        raise ValueError(
            f"neighbours must be ({images}, k) integers from 0 to {images - 1}, one row per image, "
            f"got {table.dtype} {table.shape}"
        )
