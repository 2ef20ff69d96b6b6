"""What a lesson is: steps, each with a question, choices, the right answer and what the runs show."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

LETTERS = "ABCDE"


@dataclass(frozen=True)
class Choice:
    """says: what can be chosen. because: one sentence on why it is right or wrong."""

    says: str
    because: str


@dataclass(frozen=True)
class Figure:
    """A number that a step shows, read from a run when it is shown.

    name: in the texts, as `{name}`. run: the run's title, such as `cifar10/vicreg`. path: of the number in the run (see
    `vicreg.lessons.run_numbers`), such as `probe.accuracy`. label: what it measures; empty if only sentences use it.
    decimals: how many to show; None: three significant digits.
    """

    name: str
    run: str
    path: str
    label: str = ""
    decimals: int | None = None


@dataclass(frozen=True)
class Picture:
    """name: a key of `vocabulary.PICTURES`. runs: titles, in the order to draw. options: its other settings."""

    name: str
    runs: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """page: its file in pages/, without `.py`. state: its query, as in its address. says: the words of the link."""

    page: str
    says: str
    state: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One question. Texts may contain figures as `{name}`; `run_numbers.filled` puts the numbers in.

    key: unique in the lesson. choices: 2 to 5. answer: the position of the right one. because: one or two sentences that
    the reveal shows to everybody. misconception: what the question is meant to bring to light. notes: for the lecturer.
    minutes: how long it takes in class. picture: what the reveal draws. link: where the app shows more.
    """

    key: str
    question: str
    choices: tuple[Choice, ...]
    answer: int
    because: str
    misconception: str
    minutes: int
    figures: tuple[Figure, ...]
    picture: Picture
    link: Link
    notes: str = ""


@dataclass(frozen=True)
class Lesson:
    """title, summary: for the first screen. steps: in order. text: the TOML that it was read from."""

    title: str
    summary: str
    steps: tuple[Step, ...]
    text: str

    @property
    def minutes(self) -> int:
        """How long the lesson takes: the sum over its steps."""
        return sum(step.minutes for step in self.steps)

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that differ when the file differs."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]
