"""A training run as a value: one frozen Config, and the presets, each one value away from `vicreg`.

The defaults are this project's recipe for two CPU cores. Loss weights and constants are those of Bardes, Ponce and
LeCun, "VICReg" (ICLR 2022), section 4.1: lambda = mu = 25, nu = 1, gamma = 1, epsilon = 1e-4. The paper's eq. 6 sums
the variance of the two views where our loss (like the authors' code) averages it, so its mu = 25 is 50 here, as in
solo-learn. In one trial each of 390 steps (one seed, n = 10,000) the probe was 56.7 with it, 55.4 % with 25.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from vicreg.storage.json_values import JsonObject
from vicreg.terms import TERMS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

C = TypeVar("C", bound="DataclassInstance")
Settings: TypeAlias = JsonObject  # of a Config by name, as `dataclasses.replace` takes them

ENCODERS = ("tiny", "lean", "resnet18")
POSITIVES = ("views", "neighbours")
BASELINES = ("untrained", "pixels", "laplacian")  # what runs are compared with: `vicreg.pipeline.baselines`
OPTIMISERS = ("muon", "adamw", "lars")
PRECISIONS = ("float32", "bfloat16")  # of a training step
MAX_WIDTH = 16_384  # of the expander's layers: twice the paper's
# Far beyond any use; a config from elsewhere must not ask for more than a machine has.
MOST = {"epochs": 10_000, "batch_size": 65_536, "warmup_steps": 10_000_000, "seed": 2**63 - 1}


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True)
class ViewConfig:
    """How one view is made of an image. Every switch turns one transform off, for lessons and ablations.

    size: side of a view in pixels. crop_scale: share of the image's area that a crop covers, (least, most).
    brightness, contrast, saturation: factors are drawn from 1 - value to 1 + value; hue: shift in turns, -value to
    value. Probabilities are per image.
    """

    size: int = 24
    crop: bool = True
    crop_scale: tuple[float, float] = (0.3, 1.0)
    flip: bool = True
    jitter: bool = True
    jitter_probability: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    greyscale: bool = True
    greyscale_probability: float = 0.2
    blur: bool = False
    blur_probability: float = 0.5

    def __post_init__(self) -> None:
        low, high = self.crop_scale
        _require(0 < low <= high <= 1, f"crop_scale must satisfy 0 < least <= most <= 1, got {self.crop_scale}")
        _require(8 <= self.size <= 224, f"size must be 8 to 224 pixels, got {self.size}")
        for name in ("jitter_probability", "greyscale_probability", "blur_probability"):
            _require(0 <= getattr(self, name) <= 1, f"{name} must be between 0 and 1, got {getattr(self, name)}")
        for name in ("brightness", "contrast", "saturation"):
            _require(0 <= getattr(self, name) <= 1, f"{name} must be between 0 and 1, got {getattr(self, name)}")
        _require(0 <= self.hue <= 0.5, f"hue must be between 0 and 0.5 turns, got {self.hue}")


# The recipe for each data set that one can train on: what it sets otherwise than Config's defaults, which are the first
# one's. Digits are not flipped, as a mirrored one is none, and may take any hue.
RECIPES: dict[str, Settings] = {
    "cifar10": {},
    "coloured-digits": {
        "encoder": "tiny",
        "expander": (128, 128, 128),
        "views": ViewConfig(crop_scale=(0.4, 1.0), flip=False, hue=0.5, saturation=0.4, blur=True),
        "epochs": 12,
        "optimiser": "adamw",
        "learning_rate": 2e-3,
        "weight_decay": 1e-4,
        "warmup_steps": 40,
    },
}
DATASETS = RECIPES.keys()  # `vicreg.data.catalogue` knows their pictures
DEFAULT_DATASET = next(iter(RECIPES))


@dataclass(frozen=True)
class Config:
    """Everything that decides a run's weights, apart from the machine's arithmetic.

    learning_rate is the peak, for the given batch_size; it rises linearly over warmup_steps and falls to zero as a
    cosine over the rest. weight_decay acts on matrices only (never on biases or BatchNorm). expander: the widths of
    its three linear layers, the last being D, the width of the embeddings. positives: what makes a positive pair, two
    augmented `views` of one image, or an image and one of its nearest `neighbours` (`views.neighbour_views`), both as
    they are. teacher: which run on the same data set says what is near: `vicreg` is the one named `<dataset>-vicreg`.
    """

    preset: str = "vicreg"
    dataset: str = DEFAULT_DATASET
    encoder: str = "lean"
    expander: tuple[int, int, int] = (512, 512, 512)
    invariance_weight: float = 25.0
    variance_weight: float = 50.0
    covariance_weight: float = 1.0
    gamma: float = 1.0
    eps: float = 1e-4
    positives: str = "views"
    teacher: str = "vicreg"
    views: ViewConfig = field(default_factory=ViewConfig)
    epochs: int = 8
    batch_size: int = 256
    optimiser: str = "muon"
    learning_rate: float = 6e-3
    weight_decay: float = 0.02
    warmup_steps: int = 150
    seed: int = 0

    def __post_init__(self) -> None:
        _require(self.dataset in DATASETS, f"data set must be one of {', '.join(DATASETS)}, got {self.dataset!r}")
        _require(self.encoder in ENCODERS, f"encoder must be one of {', '.join(ENCODERS)}, got {self.encoder!r}")
        _require(
            self.optimiser in OPTIMISERS, f"optimiser must be one of {', '.join(OPTIMISERS)}, got {self.optimiser!r}"
        )
        _require(
            self.positives in POSITIVES, f"positives must be one of {', '.join(POSITIVES)}, got {self.positives!r}"
        )
        _require(len(self.expander) == 3 and all(w >= 1 for w in self.expander), "expander must be three widths")
        for name in (*(term.weight for term in TERMS), "weight_decay"):
            _require(getattr(self, name) >= 0, f"{name} must not be negative, got {getattr(self, name)}")
        for name in ("gamma", "eps", "learning_rate"):
            _require(getattr(self, name) > 0, f"{name} must be positive, got {getattr(self, name)}")
        for name, value in vars(self).items():
            _require(not isinstance(value, float) or math.isfinite(value), f"{name} must be finite, got {value}")
        _require(self.seed >= 0, f"seed must not be negative, got {self.seed}")
        _require(self.epochs >= 1, f"epochs must be at least 1, got {self.epochs}")
        _require(
            self.batch_size >= 2, f"batch_size must be at least 2 (variance needs two images), got {self.batch_size}"
        )
        _require(self.warmup_steps >= 0, f"warmup_steps must not be negative, got {self.warmup_steps}")
        _require(max(self.expander) <= MAX_WIDTH, f"expander must be at most {MAX_WIDTH:,} wide, got {self.expander}")
        for name, most in MOST.items():
            _require(getattr(self, name) <= most, f"{name} must be at most {most:,}, got {getattr(self, name)}")
        for name in ("preset", "teacher"):
            _require(
                re.fullmatch(r"[\w.-]{1,100}", getattr(self, name)) is not None,
                f"{name} must be a plain name of at most 100 letters, digits, dots, dashes and underscores",
            )

    @property
    def run_name(self) -> str:
        """The name of the run's folder: `<dataset>-<preset>`."""
        return f"{self.dataset}-{self.preset}"

    def to_dict(self) -> JsonObject:
        """A dict of plain JSON values."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, values: JsonObject) -> Config:
        """The Config that `to_dict` wrote. Raises ValueError for unknown names, wrong types and broken rules."""
        return _from_dict(cls, values)


def _from_dict(cls: type[C], values: JsonObject) -> C:
    _require(isinstance(values, dict), f"{cls.__name__} must be an object, got {type(values).__name__}")
    defaults = cls()
    known = {f.name for f in dataclasses.fields(cls)}
    unknown = sorted(set(values) - known)
    _require(not unknown, f"unknown {cls.__name__} settings: {', '.join(unknown)}")
    checked: Settings = {}
    for name, value in values.items():
        default = getattr(defaults, name)
        if dataclasses.is_dataclass(default) and not isinstance(default, type):
            checked[name] = _from_dict(type(default), value)
        elif isinstance(default, tuple):
            ok = isinstance(value, (list, tuple)) and len(value) == len(default)
            _require(ok, f"{name} must be a list of {len(default)} numbers, got {value!r}")
            checked[name] = tuple(_scalar(name, v, d) for v, d in zip(value, default, strict=True))
        else:
            checked[name] = _scalar(name, value, default)
    return cls(**checked)


def _scalar(name: str, value: object, default: object) -> object:
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError as error:
            raise ValueError(f"{name} must be a number that a float can hold") from error
    _require(type(value) is type(default), f"{name} must be a {type(default).__name__}, got {value!r}")
    return value


# What each preset has otherwise than `vicreg`: one value.
ABLATIONS: dict[str, Settings] = {
    "vicreg": {},
    "no-variance": {"variance_weight": 0.0},
    "no-covariance": {"covariance_weight": 0.0},
    "no-invariance": {"invariance_weight": 0.0},
    "neighbour-views": {"positives": "neighbours"},
}


def presets(dataset: str = DEFAULT_DATASET) -> dict[str, Config]:
    """The five presets on a data set, by name, `vicreg` first. Raises ValueError for a data set without a recipe."""
    _require(dataset in RECIPES, f"data set must be one of {', '.join(RECIPES)}, got {dataset!r}")
    return {
        name: Config(preset=name, dataset=dataset, **RECIPES[dataset] | change) for name, change in ABLATIONS.items()
    }


PRESETS: dict[str, Config] = presets()  # on the default data set
