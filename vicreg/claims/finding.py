"""What a claim and its finding are. A claim holds a function from the metrics of runs to a Finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vicreg.data.catalogue import CATALOGUE
from vicreg.storage.json_values import JsonObject
from vicreg.study_results import STUDY_DATASET

HOLDS, FAILS, CLOSE, UNKNOWN = "holds", "does not hold", "too close to call", "cannot be judged yet"
CLASSES = len(CATALOGUE[STUDY_DATASET].classes)
CHANCE = CATALOGUE[STUDY_DATASET].chance

Metrics = Mapping[str, JsonObject]  # preset (or `vicreg-long`) -> metrics.json


@dataclass(frozen=True)
class Figure:
    """One measured number of a run.

    label: what stands beside it. run: the preset or baseline whose colour it has. value. interval: 95 %, or None where
    there is none. text: the number as every page writes it, without its unit. seeds: the same figure of other seeds.
    """

    label: str
    run: str
    value: float
    interval: tuple[float, float] | None
    text: str
    seeds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Picture:
    """What decides a finding, to be drawn on one axis.

    figures: from top to bottom. axis: what the axis measures, with its unit. bar: the number that figures are compared
    with, None if they are compared with each other; bar_label: what it is.
    """

    figures: tuple[Figure, ...]
    axis: str
    bar: float | None = None
    bar_label: str = ""


@dataclass(frozen=True)
class Finding:
    """verdict: holds, does not hold, too close to call, or cannot be judged yet. ours: our figure, in words. why: one
    sentence that a class can discuss. picture: the same figures, to be drawn; None where nothing can be told.
    """

    verdict: str
    ours: str
    why: str
    picture: Picture | None = None


@dataclass(frozen=True)
class Place:
    """The page, and its state, on which the app shows a claim's figures.

    page: its file in pages/. runs: the presets chosen there, first and second. state: its other choices, as in its address.
    """

    page: str
    runs: tuple[str, ...]
    state: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """name: short, for tables. words: the study's finding in short. study: its figure, or how it judged.

    needs: the runs whose metrics the check reads. place: where the app shows these figures. by: the deciding figure of
    `vicreg.runs.seeds`; empty if it is not stored for other seeds.
    """

    name: str
    words: str
    study: str
    needs: tuple[str, ...]
    place: Place
    check: Callable[[Metrics], Finding]
    by: str = ""

    @property
    def page(self) -> str:
        """The page that shows it."""
        return self.place.page


def pair(values: dict[str, JsonObject]) -> tuple[JsonObject, JsonObject]:
    """The figures of two runs, in their order."""
    left, right = values.values()
    return left, right


def percent(values: JsonObject, figure: str = "accuracy") -> str:
    """A percentage with its interval, as text: `74.63 % (73.71 to 75.49)`."""
    low, high = values["interval"]
    return f"{values[figure]:.2f} % ({low:.2f} to {high:.2f})"


def drawn(label: str, run: str, values: JsonObject, figure: str = "accuracy", digits: int = 2) -> Figure:
    """A figure of a section of a run's metrics, with the section's interval."""
    low, high = values["interval"]
    return Figure(label, run, values[figure], (low, high), f"{values[figure]:.{digits}f}")
