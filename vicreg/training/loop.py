"""Training: two views, encoder, expander, the three terms, one step at a time.

`train` can be stopped and killed at any moment. Everything random is drawn from generators seeded by (seed, purpose,
counter): the order of an epoch by its number, the views of a step by its number. So a resumed run needs the weights,
the optimiser and the step it had reached, and then ends with the same weights as one that was never interrupted.

It is the same under torchrun (`vicreg.training.distributed`): every process draws for the whole batch and works on its
rows, so that the pictures of a step do not depend on how many processes there are, and a run may go on with another number.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vicreg.config import Config
from vicreg.method.loss import LossTerms
from vicreg.method.networks import Encoder, Expander, networks
from vicreg.storage.paths import STATE_FILE
from vicreg.training.distributed import Team, gather_with_gradients, synchronise_norms, world
from vicreg.training.optimiser import learning_rate, make_optimiser
from vicreg.training.snapshots import SNAPSHOTS, STEPS_APART, Snapshot, Snapshotter
from vicreg.training.state import State, TrainingError, read_state, restore_state, save_state, unreadable
from vicreg.training.step import ORDER, VIEWS, on_device, positive_pairs, seeded, take_step, test_loss

READ_EVERY = 20  # steps between two readings of the loss, where reading it would wait for the device


@dataclass(frozen=True)
class Progress:
    """What a callback learns before the first step, whenever the loss is read (`train`), and with more at an epoch's end.

    step of steps, in epoch of epochs (1-based); both 0 before the first step, with the untrained network's terms.
    terms: the last step's unweighted terms and total.
    rows: new history rows, only at the end of an epoch. snapshot: only where one was just made.
    seconds: time spent in training so far, over all sittings; seconds_left: an estimate from this sitting.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    terms: dict[str, float]
    learning_rate: float
    seconds: float
    seconds_left: float
    rows: tuple[dict[str, Any], ...] = ()
    snapshot: Snapshot | None = None


@dataclass
class Trained:
    """What training leaves: networks in eval mode, a history row per epoch and split, the snapshots, the seconds.

    finished is False where should_stop ended it early; call `train` again with the same folder to go on.
    """

    encoder: Encoder
    expander: Expander
    history: list[dict[str, Any]]
    snapshots: list[Snapshot]
    seconds: float
    finished: bool


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
    read_every: int | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train `config` and return the networks; go on where an earlier call with this folder stopped.

    train_images, test_images: uint8 (N, 32, 32, 3). The labels (N,) are never trained on: they only colour the
    snapshots' kNN accuracy. neighbours: where the config's positives are neighbours, the rows of each train image's
    neighbours among the train images (N, k), and of each test image's among the test images; a resumed run must be given
    the same. folder: where the state is kept, written atomically after every epoch and when should_stop() first returns
    True.

    team: the processes that train together, from `distributed.joined`, each of which makes the same call and trains on
    the team's device; the config's batch_size is that of all of them together, rank 0 alone uses the folder, and
    should_stop() on any of them stops all.
    compile: run the networks through torch.compile. Off, since on two CPU cores it took 39 s and the step was then a
    quarter slower (235 images a second against 311); `python -m benchmarks.throughput` measures it on other devices.
    read_every: steps between two readings of the loss, each of which waits for the device, calls on_progress and
    checks that the loss is finite; every step on a CPU, where there is nothing to wait for, else every 20. An epoch's
    end and a stop read it too, before anything is saved.

    Raises ValueError for images or neighbours that do not fit the config and for a batch that the processes cannot
    share evenly, TrainingError for a state of another config and for a loss or weights that are not finite.
    """
    team = team or Team(device=torch.device(device))
    device = team.device
    if team.size != world()[1]:
        raise ValueError(f"there are {world()[1]} processes: give each the team that `distributed.joined` makes")
    share = team.share(config.batch_size)
    if read_every is None:
        read_every = 1 if device.type == "cpu" else READ_EVERY
    if read_every < 1:
        raise ValueError(f"read_every must be at least 1 step, got {read_every}")
    if (config.positives == "neighbours") != (neighbours is not None):
        raise ValueError(f"positives are {config.positives}, but neighbours were {'' if neighbours else 'not '}given")
    for table, images in zip(neighbours or (), (train_images, test_images), strict=False):
        _check_neighbours(table, len(images))
    if len(train_images) < config.batch_size:
        raise ValueError(f"batch_size {config.batch_size} needs at least as many train images, got {len(train_images)}")
    if len(test_images) < 2:
        raise ValueError(f"the test loss needs at least 2 test images, got {len(test_images)}")
    folder = Path(folder)
    encoder, expander = networks(config, device)
    optimiser = make_optimiser(config, encoder, expander)
    found = team.from_leader(lambda: read_state(folder / STATE_FILE, config, len(train_images)))
    state = State()
    if found:
        try:
            state = restore_state(*found, encoder, expander, optimiser)
        except (RuntimeError, LookupError, TypeError, ValueError) as error:  # something is missing, or of another shape
            raise unreadable(folder / STATE_FILE, error) from error
    network = _shared(encoder, expander, team, compile=compile)
    snapshotter = Snapshotter(train_images, train_labels, test_images, test_labels)

    steps_an_epoch = len(train_images) // config.batch_size
    steps = steps_an_epoch * config.epochs
    apart = math.ceil(min(STEPS_APART, steps / 4) / steps_an_epoch)  # in epochs
    snapshot_every = max(1, round(config.epochs / SNAPSHOTS), apart)
    pixels = on_device(device, train_images)
    train_neighbours, test_neighbours = (
        (None, None) if neighbours is None else (on_device(device, n) for n in neighbours)
    )
    began, earlier, first = time.perf_counter(), state.seconds, state.step
    paced = began
    order: Tensor | None = None
    unread: list[Tensor] = []  # (4,) of every step since the last reading, on the device

    def read() -> dict[str, float]:
        """Add the unread steps' terms to the epoch's sums; returns the last step's."""
        values = team.mean(torch.stack(unread)).tolist()  # waits for the device
        unread.clear()
        for step, row in enumerate(values, start=state.step - len(values)):
            terms = dict(zip(LossTerms._fields, row, strict=True))
            _require_finite(terms, step, config)
            for name, value in terms.items():
                state.sums[name] += value
        return terms

    def report(terms: dict[str, float], rate: float, **more: Any) -> None:
        state.seconds = earlier + time.perf_counter() - began
        pace = (time.perf_counter() - paced) / max(1, state.step - first)
        on_progress(
            Progress(
                step=state.step,
                steps=steps,
                epoch=min(config.epochs, (state.step - 1) // steps_an_epoch + 1) if state.step else 0,
                epochs=config.epochs,
                terms=terms,
                learning_rate=rate,
                seconds=state.seconds,
                seconds_left=pace * (steps - state.step),
                **more,
            )
        )

    def save() -> None:
        team.from_leader(
            lambda: save_state(folder / STATE_FILE, config, len(train_images), encoder, expander, optimiser, state)
        )

    if state.step == 0 and not state.history:  # what an untrained network does: epoch 0 of every curve
        first_loss, snapshot = team.from_leader(
            lambda: (
                test_loss(encoder, expander, test_images, config, neighbours=test_neighbours),
                snapshotter.take(encoder, epoch=0, previous=None),
            )
        )
        state.history.append(_row(0, "test", first_loss, 0.0, 0.0))
        state.snapshots.append(snapshot)
        report(first_loss, 0.0, rows=tuple(state.history), snapshot=snapshot)
        paced = time.perf_counter()  # the steps' pace does not count what came before them

    while state.step < steps:
        epoch, position = divmod(state.step, steps_an_epoch)
        if order is None or position == 0:
            order = torch.randperm(len(train_images), generator=seeded(config.seed, ORDER, epoch)).to(device)
            if position == 0:
                state.sums = dict.fromkeys(LossTerms._fields, 0.0)
        rows = order[position * config.batch_size : (position + 1) * config.batch_size]
        rate = learning_rate(config, state.step, steps)
        for group in optimiser.param_groups:
            group["lr"] = rate

        encoder.train()
        expander.train()
        generator = seeded(config.seed, VIEWS, state.step)
        views = positive_pairs(pixels, rows, config, neighbours=train_neighbours, generator=generator, share=share)
        terms = take_step(network, optimiser, views, config, gather=gather_with_gradients if team.size > 1 else None)
        state.step += 1
        unread.append(torch.stack(terms).detach())
        if state.step % steps_an_epoch:
            if len(unread) >= read_every:
                report(read(), rate)
            if team.any(should_stop()):
                break
            continue

        last = read()
        state.seconds = earlier + time.perf_counter() - began
        means = {name: value / steps_an_epoch for name, value in state.sums.items()}
        test_terms = team.from_leader(
            lambda: test_loss(encoder, expander, test_images, config, neighbours=test_neighbours)
        )
        splits = (("train", means), ("test", test_terms))
        new = [_row(epoch + 1, split, terms_of, rate, state.seconds) for split, terms_of in splits]
        state.history += new
        snapshot = None
        if (epoch + 1) % snapshot_every == 0 or state.step == steps:
            previous = state.snapshots[-1] if state.snapshots else None
            snapshot = team.from_leader(lambda e=epoch, p=previous: snapshotter.take(encoder, epoch=e + 1, previous=p))
            state.snapshots.append(snapshot)
        report(last, rate, rows=tuple(new), snapshot=snapshot)
        save()
        if team.any(should_stop()):
            break

    if state.step < steps:
        if unread:
            report(read(), rate)
        save()
    if team.size > 1:  # as they are in one process: with a BatchNorm of their own
        shared, (encoder, expander) = (encoder, expander), networks(config, device)
        for own, other in zip((encoder, expander), shared, strict=True):
            own.load_state_dict(other.state_dict())
    return Trained(
        encoder=encoder.eval(),
        expander=expander.eval(),
        history=state.history,
        snapshots=state.snapshots,
        seconds=state.seconds,
        finished=state.step == steps,
    )


def _shared(encoder: Encoder, expander: Expander, team: Team, *, compile: bool) -> nn.Module:
    """Views to embeddings, for a step: where there are more processes, with norms and gradients over all of them."""
    network: nn.Module = nn.Sequential(encoder, expander)
    if team.size > 1:
        synchronise_norms(network)
        devices = [team.device] if team.device.type == "cuda" else None
        network = nn.parallel.DistributedDataParallel(
            network, device_ids=devices, forward_sync_buffers=False, gradient_as_bucket_view=True
        )
    return torch.compile(network) if compile else network


def _check_neighbours(table: np.ndarray, images: int) -> None:
    whole = np.issubdtype(table.dtype, np.integer) and table.ndim == 2 and len(table) == images and table.shape[1] >= 1
    if not whole or table.min() < 0 or table.max() >= images:
        raise ValueError(
            f"neighbours must be ({images}, k) whole numbers from 0 to {images - 1}, a row an image, "
            f"got {table.dtype} {table.shape}"
        )


def _row(epoch: int, split: str, terms: dict[str, float], rate: float, seconds: float) -> dict[str, Any]:
    return {"epoch": epoch, "split": split, **terms, "learning_rate": rate, "seconds": round(seconds, 1)}


def _require_finite(terms: dict[str, float], step: int, config: Config) -> None:
    if math.isfinite(terms["total"]):
        return
    bad = [name for name, value in terms.items() if name != "total" and not math.isfinite(value)]
    raise TrainingError(
        f"the {' and '.join(bad) or 'total'} term stopped being finite at step {step + 1}. The usual cause is a rate "
        f"that is too high: train anew with a learning rate below {config.learning_rate:g}, or a longer warm-up than "
        f"{config.warmup_steps} steps. Going on from the last saved state would meet it again."
    )
