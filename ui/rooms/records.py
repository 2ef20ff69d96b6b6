"""What a room holds: a question, the votes on it, and what the lecturer and a student see of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ui.rooms.room_limits import BOUNDS

Phase = Literal["waiting", "voting", "shown", "answered"]

ROUNDS = 2  # before and after the discussion


class RoomError(ValueError):
    """Why a room refuses something: a sentence for the person who asked."""


class RoomClosed(RoomError):
    """There is no open room with this code."""

    def __init__(self) -> None:
        super().__init__("There is no open room with this code. Ask for the new code.")


@dataclass(frozen=True)
class Question:
    """A question with its options, as plain text.

    step: identifies it in its lesson. right: index of the right option. why: one sentence, shown with the answer.
    link: the page with the answer's picture, relative to the app; may be empty. Raises ValueError for less than two
    options, more than `BOUNDS.options`, or a `right` outside them.
    """

    step: str
    text: str
    options: tuple[str, ...]
    right: int
    why: str = ""
    link: str = ""

    def __post_init__(self) -> None:
        if not 2 <= len(self.options) <= BOUNDS.options:
            raise ValueError(f"a question needs 2 to {BOUNDS.options} options, got {len(self.options)}")
        if not 0 <= self.right < len(self.options):
            raise ValueError(f"right must be between 0 and {len(self.options) - 1}, got {self.right}")


@dataclass(frozen=True)
class Board:
    """What the lecturer sees. present: browsers now. number: of the round, 1 or 2. voted: votes in this round.

    tallies: votes for each option, one tuple a round; only rounds that were shown, unless asked for all.
    """

    phase: Phase
    question: Question | None
    number: int
    present: int
    voted: int
    tallies: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class View:
    """What one student sees. news: grows with every change that students should see.

    mine: this browser's vote in each round, None where it has none. tallies: as in Board.
    """

    news: int
    phase: Phase
    question: Question | None
    number: int
    mine: tuple[int | None, ...]
    tallies: tuple[tuple[int, ...], ...]


@dataclass
class Poll:
    """The votes on one question: for each round, member -> option."""

    question: Question
    phase: Phase = "voting"
    rounds: list[dict[str, int]] = field(default_factory=lambda: [{}])

    def tallies(self, *, hidden: bool = False) -> tuple[tuple[int, ...], ...]:
        """The votes of each round for each option. hidden: also those of an open round and the rounds before it."""
        if self.phase == "voting" and not hidden:
            return ()
        options = range(len(self.question.options))
        return tuple(tuple(sum(vote == one for vote in votes.values()) for one in options) for votes in self.rounds)
