"""Training: two views, encoder, expander, the three terms, one step at a time.

`train` can be stopped and killed at any moment. Everything random is drawn from generators seeded by (seed, purpose,
counter): the order of an epoch by its number, the views of a step by its number. So a resumed run needs the weights,
the optimiser and the step it had reached, and then ends with the same weights as one that was never interrupted.

It is the same under torchrun (`vicreg.training.distributed`): every process draws for the whole batch and works on its
rows, so that the pictures of a step do not depend on how many processes there are, and a run may go on with another number.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vicreg.config import Config
from vicreg.method.loss import LossTerms, vicreg_loss
from vicreg.method.networks import Encoder, Expander
from vicreg.method.views import ViewParameters, apply_views, draw_parameters, neighbour_views
from vicreg.storage.files import atomic_path
from vicreg.training.distributed import Team, gather_with_gradients, synchronise_norms, world
from vicreg.training.snapshots import SNAPSHOTS, STEPS_APART, Snapshot, Snapshotter

STATE_FILE = "state.safetensors"
STATE_SCHEMA = 1
READ_EVERY = 20  # steps between two readings of the loss, where reading it would wait for the device
TEST_BATCHES = 10  # the test loss is the mean over this many batches of test images
ORDER, VIEWS, TEST_VIEWS = 1, 2, 3  # what a generator is for


class TrainingError(ValueError):
    """Training cannot go on; the message says where it stood and what to try."""


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


@dataclass
class _State:
    """Everything that changes while training, apart from the networks and the optimiser."""

    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)  # of this epoch's terms
    snapshots: list[Snapshot] = field(default_factory=list)


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
    found = team.from_leader(lambda: _read(folder / STATE_FILE, config, len(train_images)))
    state = _State()
    if found:
        try:
            state = _restore(*found, encoder, expander, optimiser)
        except (RuntimeError, LookupError, TypeError, ValueError) as error:  # something is missing, or of another shape
            raise _unreadable(folder / STATE_FILE, error) from error
    network = _shared(encoder, expander, team, compile=compile)
    snapshotter = Snapshotter(train_images, train_labels, test_images, test_labels)

    steps_an_epoch = len(train_images) // config.batch_size
    steps = steps_an_epoch * config.epochs
    apart = math.ceil(min(STEPS_APART, steps / 4) / steps_an_epoch)  # in epochs
    snapshot_every = max(1, round(config.epochs / SNAPSHOTS), apart)
    pixels = _on(device, train_images)
    train_neighbours, test_neighbours = (None, None) if neighbours is None else (_on(device, n) for n in neighbours)
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
            lambda: _save(folder / STATE_FILE, config, len(train_images), encoder, expander, optimiser, state)
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


def networks(config: Config, device: torch.device) -> tuple[Encoder, Expander]:
    """The two networks as they are before the first step, decided by the config's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder, expander = Encoder(config.encoder), Expander(config.expander)
    return encoder.to(device, memory_format=torch.channels_last), expander.to(device)


def state_bytes(config: Config) -> int:
    """About how large a saved state is: weights and what the optimiser keeps of each, in float32."""
    with torch.device("meta"):  # shapes alone
        parts = Encoder(config.encoder), Expander(config.expander)
    weights = sum(p.numel() for part in parts for p in part.parameters())
    return 4 * weights * (3 if config.optimiser == "adamw" else 2)


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


def make_optimiser(config: Config, encoder: Encoder, expander: Expander) -> torch.optim.Optimizer:
    """The config's optimiser over both networks, with weight decay on matrices only."""
    parameters = [*encoder.parameters(), *expander.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
    try:
        from timm.optim import Lars
    except ImportError as error:
        raise ValueError("the LARS optimiser comes from timm, which is not installed: `pip install timm`") from error
    groups[0]["always_adapt"] = True  # the layer-wise rate is for matrices, with or without decay; never for the rest
    return Lars(groups, lr=config.learning_rate, momentum=0.9, trust_coeff=0.02)


def learning_rate(config: Config, step: int, steps: int) -> float:
    """The rate of a step: linear from 0 over warmup_steps, then a cosine to 0 at the last step."""
    warmup = min(config.warmup_steps, steps // 2)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def positive_pairs(
    pixels: Tensor,
    rows: Tensor,
    config: Config,
    *,
    neighbours: Tensor | None,
    generator: torch.Generator,
    share: slice = slice(None),
) -> Tensor:
    """Both sides of the batch's positive pairs: uint8 pixels (N, H, W, 3), rows (B,) -> floats (2 B, 3, S, S).

    S is the config's view size; an image and its neighbour keep their own. share: make only these rows' pairs; each is
    the same as among all of them, since randomness is drawn for the whole batch.
    """
    if neighbours is not None:
        others = neighbour_views(pixels, rows, neighbours, generator=generator)
        return to_floats(torch.cat([pixels[rows[share]], others[share]]))
    images = to_floats(pixels[rows[share]])
    sides = []
    for _ in range(2):
        drawn = draw_parameters(len(rows), *images.shape[-2:], config.views, generator=generator)
        own = ViewParameters(*(x[share] if isinstance(x, Tensor) else x for x in drawn))
        sides.append(apply_views(images, own, config.views))
    return torch.cat(sides)


def take_step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    views: Tensor,
    config: Config,
    *,
    gather: Callable[[Tensor], Tensor] | None = None,
) -> LossTerms:
    """One step down the loss of 2 B views. Returns the terms before the step.

    Nothing in it waits for the device, save where processes share the batch: DistributedDataParallel reads its own
    timers, in the first ten steps and then in every hundredth.
    """
    terms = loss_of(network, views, config, gather=gather)
    optimiser.zero_grad(set_to_none=True)
    terms.total.backward()
    optimiser.step()
    return terms


def loss_of(
    network: nn.Module, views: Tensor, config: Config, *, gather: Callable[[Tensor], Tensor] | None = None
) -> LossTerms:
    """The loss of 2 B views (both halves in one pass), bf16 where the device is faster with it.

    network: views to embeddings. gather: as in `vicreg_loss`, where processes share a batch.
    """
    views = views.contiguous(memory_format=torch.channels_last)
    with half_precision(views.device):
        embeddings = network(views)
    z_a, z_b = embeddings.chunk(2)
    return vicreg_loss(
        z_a,
        z_b,
        invariance_weight=config.invariance_weight,
        variance_weight=config.variance_weight,
        covariance_weight=config.covariance_weight,
        gamma=config.gamma,
        eps=config.eps,
        gather=gather,
        check_finite=False,  # `train` looks at the total when it reads it
    )


@torch.no_grad()
def test_loss(
    encoder: Encoder,
    expander: Expander,
    images: np.ndarray,
    config: Config,
    *,
    neighbours: Tensor | None = None,  # noqa: PT028 - no test
) -> dict[str, float]:
    """The terms on test images, in eval mode, on the same pairs every time: the mean over up to 10 batches."""
    network = nn.Sequential(encoder, expander).eval()
    device = next(encoder.parameters()).device
    size = min(config.batch_size, len(images))
    batches = min(TEST_BATCHES, len(images) // size)
    generator = seeded(config.seed, TEST_VIEWS, 0)
    sums = dict.fromkeys(LossTerms._fields, 0.0)
    pixels = _on(device, images)
    for i in range(batches):
        rows = torch.arange(i * size, (i + 1) * size, device=device)
        views = positive_pairs(pixels, rows, config, neighbours=neighbours, generator=generator)
        for name, value in loss_of(network, views, config)._asdict().items():
            sums[name] += value.item()
    return {name: value / batches for name, value in sums.items()}


def _on(device: torch.device, array: np.ndarray) -> Tensor:
    """The array on the device, as a writable copy in memory."""
    return torch.from_numpy(np.array(array)).to(device)


def to_floats(images: Tensor) -> Tensor:
    """uint8 (B, H, W, 3) -> float32 (B, 3, H, W) in [0, 1]."""
    return images.permute(0, 3, 1, 2).float() / 255


def half_precision(device: torch.device) -> contextlib.AbstractContextManager:
    """bfloat16 autocast where the hardware has it, else nothing."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        found = torch.cpu.get_capabilities() if device.type == "cpu" else {}
        native = bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    if native:
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def seeded(seed: int, purpose: int, counter: int) -> torch.Generator:
    """A CPU generator for one purpose and moment, independent of all others."""
    entropy = np.random.SeedSequence([seed, purpose, counter]).generate_state(1, np.uint32)[0]
    return torch.Generator().manual_seed(int(entropy))


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


def _save(
    path: Path,
    config: Config,
    images: int,
    encoder: Encoder,
    expander: Expander,
    optimiser: torch.optim.Optimizer,
    state: _State,
) -> None:
    """Write all of it as one safetensors file, by a rename, so that a crash leaves the old state or the new one.

    Raises TrainingError, and writes nothing, where a weight is not finite: a step's gradient may break what its loss
    did not show.
    """
    tensors = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    tensors |= {f"expander.{k}": v for k, v in expander.state_dict().items()}
    for index, values in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": v for k, v in values.items() if isinstance(v, Tensor)}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    bad = next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)
    if bad is not None:
        raise TrainingError(
            f"{bad} stopped being finite by step {state.step}, and was not saved. The usual cause is a rate that is too "
            f"high: train anew with a learning rate below {config.learning_rate:g}. Going on from the last saved state "
            "would meet it again."
        )
    for snapshot in state.snapshots:
        tensors |= {
            f"snapshot.{snapshot.epoch}.{k}": torch.from_numpy(v).contiguous() for k, v in snapshot.arrays().items()
        }
    record = {
        "schema": STATE_SCHEMA,
        "config": config.to_dict(),
        "images": images,
        "step": state.step,
        "seconds": state.seconds,
        "history": state.history,
        "sums": state.sums,
        "snapshots": [snapshot.figures() for snapshot in state.snapshots],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"state": json.dumps(record)})


def _read(path: Path, config: Config, images: int) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """The record and the tensors of a state file that fits the config and the train images, if there is one."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            record = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from error
    if record.get("schema") != STATE_SCHEMA:
        raise TrainingError(f"{path.name} has schema {record.get('schema')}, this version reads {STATE_SCHEMA}")
    differences = config_differences(Config.from_dict(record["config"]), config)
    before = record.get("images", images)  # states of older versions do not say
    if before != images:
        differences = ", ".join(filter(None, [differences, f"train images {before:,} -> {images:,}"]))
    if differences:
        raise TrainingError(
            f"{path.parent.name} holds an unfinished run with other settings ({differences}); "
            "choose another folder, or delete it to start over"
        )
    return record, tensors


def _unreadable(path: Path, error: Exception) -> TrainingError:
    said = " ".join(str(error).split())[:300]
    return TrainingError(f"{path.name} in {path.parent.name} cannot be read ({said}); delete it to start over")


def _restore(
    record: dict[str, Any],
    tensors: dict[str, Tensor],
    encoder: Encoder,
    expander: Expander,
    optimiser: torch.optim.Optimizer,
) -> _State:
    """Fill the networks and the optimiser from what `_read` returned."""
    encoder.load_state_dict(_below("encoder.", tensors))
    expander.load_state_dict(_below("expander.", tensors))
    saved: dict[int, dict[str, Tensor]] = {}
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for name, tensor in _below("optimiser.", tensors).items():
        index, key = name.split(".", 1)
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape:
            # In the parameter's memory layout (channels last): a fused optimiser walks both side by side.
            tensor = torch.empty_like(parameter, requires_grad=False).copy_(tensor)
        saved.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": saved})
    snapshots = [
        Snapshot.restore(figures, {k: v.numpy() for k, v in _below(f"snapshot.{figures['epoch']}.", tensors).items()})
        for figures in record["snapshots"]
    ]
    return _State(record["step"], record["seconds"], record["history"], record["sums"], snapshots)


def config_differences(a: Config, b: Config) -> str:
    """The settings in which two configs differ, as `name a -> b`; empty where they are the same."""
    left, right = asdict(a), asdict(b)
    return ", ".join(f"{name} {left[name]} -> {right[name]}" for name in left if left[name] != right[name])


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
