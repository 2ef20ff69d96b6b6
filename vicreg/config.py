"""The settings of a training run: one frozen Config, and the recipe of each trainable data set.

The defaults are our recipe for two CPU cores. The loss weights and constants are those of Bardes, Ponce and LeCun,
"VICReg" (ICLR 2022), section 4.1: lambda = mu = 25, nu = 1, gamma = 1, epsilon = 1e-4. One differs: eq. 6 of the paper
sums the variance term over the two views, and our loss averages it, as the authors' code does. So the paper's mu = 25
is 50 here. After 390 steps (one seed, n = 10,000), the probe reached 56.7 % with 50 and 55.4 % with 25. (Eq. 5 sums the
invariance term over the dimensions; the authors' code and ours average it.)
"""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
import operator
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from vicreg.loss_terms import TERMS
from vicreg.storage.json_values import JsonObject

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

C = TypeVar("C", bound="DataclassInstance")
Settings: TypeAlias = JsonObject  # some settings of a Config: name -> value, for `dataclasses.replace`

ENCODERS = ("tiny", "lean", "resnet18")
POSITIVES = {"views": "augmented views", "neighbours": "nearest images"}  # how positive pairs are made: name -> label
BASELINES = ("untrained", "pixels", "laplacian")  # see `vicreg.pipeline.baselines`
OPTIMISERS = ("muon", "adamw", "lars")
PRECISIONS = ("float32", "bfloat16")  # of a training step
MAX_WIDTH = 16_384  # of an expander layer; twice the paper's
# Generous upper limits, so that an untrusted config cannot exhaust the machine.
MOST = {"epochs": 10_000, "batch_size": 65_536, "warmup_steps": 10_000_000, "seed": 2**63 - 1}


def _convert(settings: DataclassInstance) -> None:
    """Turn every setting into the plain Python type of its default, in place, so that it can be saved and compared.

    NumPy's numbers become int or float, and a list becomes a tuple. Raises ValueError for other types.
    """
    for setting in dataclasses.fields(settings):
        name, value = setting.name, getattr(settings, setting.name)
        default = setting.default
        if setting.default_factory is not dataclasses.MISSING:
            _require(isinstance(value, ViewConfig), f"{name} must be a ViewConfig, got {value!r}")
        elif isinstance(default, tuple):
            ok = isinstance(value, (list, tuple)) and len(value) == len(default)
            _require(ok, f"{name} must be a list of {len(default)} numbers, got {value!r}")
            plain = tuple(_plain(name, v, d) for v, d in zip(value, default, strict=True))
            object.__setattr__(settings, name, plain)
        else:
            object.__setattr__(settings, name, _plain(name, value, default))


def _plain(name: str, value: object, default: object) -> object:
    """A setting as the type of its default: int and float from any whole or real number, but not from a boolean."""
    if isinstance(default, float) and isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise ValueError(f"{name} must be a number that a float can hold") from error
    if type(default) is int and isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return operator.index(value)
    if isinstance(default, str) and isinstance(value, str):
        return str(value)
    _require(type(value) is type(default), f"{name} must be of type {type(default).__name__}, got {value!r}")
    return value


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True)
class ViewConfig:
    """How to make one view from an image. Each boolean turns one transform on or off.

    size: side of a view, in pixels.
    crop_scale: (min, max) share of the image's area that a crop covers.
    brightness, contrast, saturation: the factor is drawn from [1 - value, 1 + value].
    hue: the shift is drawn from [-value, value], in turns of the colour circle.
    Probabilities are per image.
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
        _convert(self)
        low, high = self.crop_scale
        _require(0 < low <= high <= 1, f"crop_scale must satisfy 0 < least <= most <= 1, got {self.crop_scale}")
        _require(8 <= self.size <= 224, f"size must be 8 to 224 pixels, got {self.size}")
        for name in ("jitter_probability", "greyscale_probability", "blur_probability"):
            _require(0 <= getattr(self, name) <= 1, f"{name} must be between 0 and 1, got {getattr(self, name)}")
        for name in ("brightness", "contrast", "saturation"):
            _require(0 <= getattr(self, name) <= 1, f"{name} must be between 0 and 1, got {getattr(self, name)}")
        _require(0 <= self.hue <= 0.5, f"hue must be between 0 and 0.5 turns, got {self.hue}")


# The recipe of each trainable data set, as differences from Config's defaults, which are CIFAR-10's recipe.
# Digits are never mirrored, because a mirrored digit is not a digit; they may take any hue.
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
DATASETS = RECIPES.keys()  # `vicreg.data.catalogue` says where their images are
DEFAULT_DATASET = next(iter(RECIPES))


@dataclass(frozen=True)
class Config:
    """Everything that determines a run's weights, apart from rounding on a particular machine.

    expander: widths of the three linear layers. The last one is D, the width of the embeddings.
    positives: how positive pairs are made. `views`: two augmented views of one image. `neighbours`: an image and one of
        its nearest images, both without augmentation (`views.neighbour_views`).
    teacher: the run that finds the nearest images. `vicreg` means the run `<dataset>-vicreg`.
    learning_rate: the peak, for the given batch_size. It rises linearly over warmup_steps, then decays to zero as a cosine.
    weight_decay: applies to matrices only, never to biases or BatchNorm.

    NumPy's numbers become Python's, and lists become tuples. Raises ValueError for other types and for invalid values.
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
    epochs: int = 16
    batch_size: int = 256
    optimiser: str = "muon"
    learning_rate: float = 6e-3
    weight_decay: float = 0.02
    warmup_steps: int = 150
    seed: int = 0

    def __post_init__(self) -> None:
        _convert(self)
        _require(self.dataset in DATASETS, f"data set must be one of {', '.join(DATASETS)}, got {self.dataset!r}")
        _require(self.encoder in ENCODERS, f"encoder must be one of {', '.join(ENCODERS)}, got {self.encoder!r}")
        _require(
            self.optimiser in OPTIMISERS, f"optimiser must be one of {', '.join(OPTIMISERS)}, got {self.optimiser!r}"
        )
        _require(
            self.positives in POSITIVES, f"positives must be one of {', '.join(POSITIVES)}, got {self.positives!r}"
        )
        _require(
            all(w >= 1 for w in self.expander),
            f"expander must be three widths of at least 1, got {self.expander}",
        )
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
        """The default name of the run's folder: `<dataset>-<preset>`."""
        return f"{self.dataset}-{self.preset}"

    def to_dict(self) -> JsonObject:
        """A dict of plain JSON values."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, values: JsonObject) -> Config:
        """The inverse of `to_dict`. Raises ValueError for unknown names, wrong types and invalid values."""
        return _from_dict(cls, values)


def _from_dict(cls: type[C], values: JsonObject) -> C:
    _require(isinstance(values, dict), f"{cls.__name__} must be an object, got {type(values).__name__}")
    defaults = cls()
    known = {f.name for f in dataclasses.fields(cls)}
    unknown = sorted(set(values) - known)
    _require(not unknown, f"unknown {cls.__name__} settings: {', '.join(unknown)}")
    nested = {
        name: _from_dict(ViewConfig, value)
        for name, value in values.items()
        if isinstance(getattr(defaults, name), ViewConfig)
    }
    return cls(**{**values, **nested})
