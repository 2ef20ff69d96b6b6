"""The saved state of a training: everything needed to resume as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vicreg.config import PRECISIONS, Config
from vicreg.data.fingerprints import pixels_sha256
from vicreg.method.networks import Encoder, Expander, make_networks
from vicreg.storage.files import atomic_path
from vicreg.storage.json_values import JsonObject
from vicreg.training.distributed import Team
from vicreg.training.snapshots import Snapshot

STATE_SCHEMA = 2


class TrainingError(ValueError):
    """Training cannot continue. The message says where it stopped and what to try."""


@dataclass
class State:
    """Everything that changes during training, except the networks and the optimiser."""

    step: int = 0
    seconds: float = 0.0
    history: list[JsonObject] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)  # sums of the terms in this epoch
    snapshots: list[Snapshot] = field(default_factory=list)
    precision: str = ""  # empty until it is chosen


def state_bytes(config: Config) -> int:
    """Approximate size of a saved state in bytes: weights and optimiser state in float32."""
    with torch.device("meta"):  # shapes only, no memory
        parts = make_networks(config)
    weights = sum(p.numel() for part in parts for p in part.parameters())
    return 4 * weights * (3 if config.optimiser == "adamw" else 2)


@dataclass(frozen=True, eq=False)
class TrainImages:
    """The images of a training, as its state records them: their number and a hash, computed when first needed."""

    pixels: np.ndarray

    @cached_property
    def sha256(self) -> str:
        return pixels_sha256(self.pixels)

    def differences(self, record: JsonObject) -> list[str]:
        """How they differ from those of a state's record. States of older versions lack the hash, or both."""
        before = record.get("images", len(self.pixels))
        if before != len(self.pixels):
            return [f"training images {before:,} -> {len(self.pixels):,}"]
        return other_pixels("train", record.get("images_sha256"), lambda: self.sha256)


@dataclass(frozen=True, eq=False)
class SavedState:
    """The state file of a training. Only rank 0 reads and writes it.

    train_images: uint8 (N, H, W, 3). A state for other images or another config is rejected.
    """

    path: Path
    config: Config
    train_images: np.ndarray
    encoder: Encoder
    expander: Expander
    optimiser: torch.optim.Optimizer

    @cached_property
    def images(self) -> TrainImages:
        return TrainImages(self.train_images)

    def restored(self, team: Team) -> State:
        """Load networks and optimiser from the file, on every process; a new State if there is no file.

        Raises TrainingError if the file is unreadable or belongs to another training.
        """
        found = team.from_leader(lambda: read_state(self.path, self.config, self.images))
        if not found:
            return State()
        try:
            return restore_state(*found, self.encoder, self.expander, self.optimiser)
        except (RuntimeError, LookupError, TypeError, ValueError) as error:  # a tensor is missing or has another shape
            raise unreadable(self.path, error) from error

    def save(self, state: State, team: Team) -> None:
        """Write the file. All processes must call it. Raises TrainingError if a weight is not finite."""
        team.from_leader(
            lambda: save_state(self.path, self.config, self.images, self.encoder, self.expander, self.optimiser, state)
        )


def save_state(
    path: Path,
    config: Config,
    images: TrainImages,
    encoder: Encoder,
    expander: Expander,
    optimiser: torch.optim.Optimizer,
    state: State,
) -> None:
    """Write the state atomically as one safetensors file: after a crash, the old or the new state exists.

    Raises TrainingError and writes nothing if a weight is not finite. This can happen although the loss was finite.
    """
    tensors = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    tensors |= {f"expander.{k}": v for k, v in expander.state_dict().items()}
    for index, values in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": v for k, v in values.items() if isinstance(v, Tensor)}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    bad = next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)
    if bad is not None:
        raise TrainingError(
            f"{bad} is not finite at step {state.step}, so the state was not saved. The usual cause is a learning rate that "
            f"is too high: start again with a learning rate below {config.learning_rate:g}. Resuming from the last saved "
            "state would fail again."
        )
    for snapshot in state.snapshots:
        tensors |= {
            f"snapshot.{snapshot.epoch}.{k}": torch.from_numpy(v).contiguous() for k, v in snapshot.arrays().items()
        }
    record = {
        "schema": STATE_SCHEMA,
        "config": config.to_dict(),
        "images": len(images.pixels),
        "images_sha256": images.sha256,
        "step": state.step,
        "seconds": state.seconds,
        "history": state.history,
        "sums": state.sums,
        "precision": state.precision,
        "snapshots": [snapshot.figures() for snapshot in state.snapshots],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"state": json.dumps(record)})


def saved_precision(path: Path) -> str:
    """The precision of a saved state; empty if it cannot be read (`read_state` explains why)."""
    try:
        with safe_open(path, framework="pt") as file:
            found = json.loads(file.metadata()["state"])["precision"]
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return ""
    return found if found in PRECISIONS else ""


def read_state(path: Path, config: Config, images: TrainImages) -> tuple[JsonObject, dict[str, Tensor]] | None:
    """The record and tensors of a state file that fits the config and the train images; None if there is no file."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            record = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise unreadable(path, error) from error
    if record.get("schema") != STATE_SCHEMA:
        raise TrainingError(
            f"{path.name} has schema {record.get('schema')}, but this version reads schema {STATE_SCHEMA}"
        )
    differences = config_differences(Config.from_dict(record["config"]), config)
    if found := [*filter(None, [differences]), *images.differences(record)]:
        raise other_settings(path.parent, found)
    return record, tensors


def other_pixels(split: str, recorded: str | None, sha256: Callable[[], str]) -> list[str]:
    """Says that a split's images are not those of a recorded hash; empty if they are, or if nothing was recorded."""
    same = recorded is None or recorded == sha256()
    kind = "training" if split == "train" else split
    return [] if same else [f"the {kind} images are not those that it was started with, or are in another order"]


def other_settings(folder: Path, differences: Sequence[str]) -> TrainingError:
    return TrainingError(
        f"{folder.name} contains an unfinished run with other settings ({', '.join(differences)}); "
        "choose another folder, or delete this one to start again"
    )


def unreadable(path: Path, error: Exception) -> TrainingError:
    said = " ".join(str(error).split())[:300]
    return TrainingError(f"{path.name} in {path.parent.name} cannot be read ({said}); delete it to start again")


def restore_state(
    record: JsonObject,
    tensors: dict[str, Tensor],
    encoder: Encoder,
    expander: Expander,
    optimiser: torch.optim.Optimizer,
) -> State:
    """Load the result of `read_state` into the networks and the optimiser."""
    encoder.load_state_dict(_below("encoder.", tensors))
    expander.load_state_dict(_below("expander.", tensors))
    saved: dict[int, dict[str, Tensor]] = {}
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for name, tensor in _below("optimiser.", tensors).items():
        index, key = name.split(".", 1)
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape:
            # Use the parameter's memory layout (channels last), because a fused optimiser reads both in parallel.
            tensor = torch.empty_like(parameter, requires_grad=False).copy_(tensor)
        saved.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": saved})
    snapshots = [
        Snapshot.restore(figures, {k: v.numpy() for k, v in _below(f"snapshot.{figures['epoch']}.", tensors).items()})
        for figures in record["snapshots"]
    ]
    return State(record["step"], record["seconds"], record["history"], record["sums"], snapshots, record["precision"])


def config_differences(a: Config, b: Config) -> str:
    """The differences between two configs, as `name a -> b`; empty if they are equal."""
    left, right = asdict(a), asdict(b)
    return ", ".join(f"{name} {left[name]} -> {right[name]}" for name in left if left[name] != right[name])


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
