"""The rooms of a server and their votes: in memory only, bounded, and safe to use from any thread.

    room = rooms().open()                           # a code for students, a secret for the lecturer
    room.ask(Question("collapse", "Which term?", ("variance", "covariance"), right=0))
    room.vote(member, "collapse", 1, 0)             # member: an id that a browser made up
    room.show(); room.again(); room.reveal()        # the lecturer's steps
    room.board(); room.view(member)                 # what the lecturer sees, what one student sees

A question goes through phases: "voting" (the distribution of the votes is hidden), "shown", possibly a second round of
voting after a discussion, and "answered". A vote counts once per browser, question and round; it can be changed while
voting is open. Members are browsers, not people: whoever clears the browser's storage can vote again.
"""

from __future__ import annotations

import functools
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable

from ui.rooms.records import ROUNDS, Board, Phase, Poll, Question, RoomClosed, RoomError, View
from ui.rooms.room_limits import BOUNDS, Bounds

log = logging.getLogger("vicreg")

LETTERS = "BDHJKLMNPRSTVWXZ"  # no vowels, so no words; no letter that looks like a digit or like another letter
CODE_LENGTH = 4  # different letters


class Room:
    """One room. All methods are thread-safe."""

    def __init__(self, code: str, *, bounds: Bounds = BOUNDS, clock: Callable[[], float] = time.monotonic) -> None:
        """code: four letters. clock: seconds."""
        self.code = code
        self.secret = secrets.token_urlsafe(24)
        self._bounds, self._clock = bounds, clock
        self.opened = clock()
        self._lock = threading.Lock()
        self._members: dict[str, float] = {}  # id -> last sign of life
        self._polls: dict[str, Poll] = {}
        self._now: Poll | None = None
        self._news = 1
        self._closed = False
        self._listeners: dict[str, dict[object, Callable[[], object]]] = {}  # by member

    # The lecturer

    def ask(self, question: Question) -> None:
        """Show a question to everybody; a question that was asked before continues where it was left.

        Raises RoomError if the room has had too many questions.
        """
        with self._lock:
            if self._now is not None and self._now.question == question:
                return
            poll = self._polls.get(question.step)
            if poll is None or poll.question != question:
                if len(self._polls) >= self._bounds.questions and poll is None:
                    raise RoomError(f"A room holds at most {self._bounds.questions} questions. Open a new room.")
                self._polls[question.step] = poll = Poll(question)
            self._now = poll
        self._tell()

    def pause(self) -> None:
        """Show no question."""
        with self._lock:
            if self._now is None:
                return
            self._now = None
        self._tell()

    def show(self) -> None:
        """Close the round and show its distribution. Does nothing unless voting is open."""
        self._turn("shown", when=("voting",))

    def again(self) -> None:
        """Open the second round. Does nothing in the second round or after the answer."""
        with self._lock:
            poll = self._now
            if poll is None or len(poll.rounds) >= ROUNDS or poll.phase not in ("voting", "shown"):
                return
            poll.rounds.append({})
            poll.phase = "voting"
        self._tell()

    def reveal(self) -> None:
        """Close voting, and show all tallies and the right answer."""
        self._turn("answered", when=("voting", "shown"))

    def board(self, *, hidden: bool = False) -> Board:
        """What the lecturer sees. hidden: also the distribution of votes that is not shown yet."""
        with self._lock:
            poll, present = self._now, self._present()
            if poll is None:
                return Board("waiting", None, 1, present, 0, ())
            number = len(poll.rounds)
            return Board(poll.phase, poll.question, number, present, len(poll.rounds[-1]), poll.tallies(hidden=hidden))

    def results(self) -> dict[str, tuple[tuple[int, ...], ...]]:
        """The tallies of every question whose answer is revealed, by step."""
        with self._lock:
            return {step: poll.tallies() for step, poll in self._polls.items() if poll.phase == "answered"}

    def close(self) -> None:
        """End the room: whoever waits for news learns that it is closed."""
        with self._lock:
            self._closed = True
        self._tell()

    # The students

    def vote(self, member: str, step: str, number: int, choice: int) -> None:
        """Count a browser's vote in the open round, in place of an earlier one. Raises RoomError if it cannot count."""
        with self._lock:
            self._enter(member)
            poll = self._now
            if poll is None or poll.question.step != step or number != len(poll.rounds):
                raise RoomError("The class has moved on. The new question appears in a moment.")
            if poll.phase != "voting":
                raise RoomError("Voting on this question is closed.")
            if not 0 <= choice < len(poll.question.options):
                raise RoomError(f"There are {len(poll.question.options)} options to choose from.")
            poll.rounds[-1][member] = choice

    def view(self, member: str) -> View:
        """What this browser should show; it counts as present from now on. Raises RoomError if the room is full or closed."""
        with self._lock:
            self._enter(member)
            poll = self._now
            if poll is None:
                return View(self._news, "waiting", None, 1, (), ())
            mine = tuple(votes.get(member) for votes in poll.rounds)
            return View(self._news, poll.phase, poll.question, len(poll.rounds), mine, poll.tallies())

    def listen(self, member: str, told: Callable[[], object]) -> Callable[[], None]:
        """Call `told` after every change that students should see, in the thread that made it. Returns how to stop.

        One listener more than `Bounds.pages` takes the place of the browser's oldest, which is told now and never again: a
        page that was closed or reloaded seems to wait on, and must not keep others from waiting.
        """
        key, replaced = object(), None
        with self._lock:
            mine = self._listeners.setdefault(member, {})
            if len(mine) >= self._bounds.pages:
                replaced = mine.pop(next(iter(mine)))
            mine[key] = told
        if replaced is not None:
            replaced()

        def stop() -> None:
            with self._lock:
                mine.pop(key, None)

        return stop

    @property
    def news(self) -> int:
        """Grows with every change that students should see; votes are none."""
        with self._lock:
            return self._news

    def spent(self) -> bool:
        """Whether the room is closed or too old."""
        with self._lock:
            return self._closed or self._clock() - self.opened > self._bounds.seconds

    def unused(self) -> bool:
        """Whether the room may make way for another one: no students are present, and it is not new."""
        with self._lock:
            last = max([self.opened, *self._members.values()])
            return self._clock() - last > self._bounds.unused

    def _enter(self, member: str) -> None:
        if self._closed:
            raise RoomClosed
        if member not in self._members and len(self._members) >= self._bounds.members:
            raise RoomError(f"This room is full ({self._bounds.members} browsers). Ask the lecturer.")
        self._members[member] = self._clock()

    def _present(self) -> int:
        since = self._clock() - self._bounds.present
        return sum(seen >= since for seen in self._members.values())

    def _turn(self, phase: Phase, *, when: tuple[Phase, ...]) -> None:
        with self._lock:
            if self._now is None or self._now.phase not in when:
                return
            self._now.phase = phase
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            self._news += 1
            listeners = [told for mine in self._listeners.values() for told in mine.values()]
        for told in listeners:  # outside the lock, because they may ask the room
            told()


class Rooms:
    """The rooms of a server, by code. All methods are thread-safe."""

    def __init__(self, *, bounds: Bounds = BOUNDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._bounds, self._clock = bounds, clock
        self._rooms: dict[str, Room] = {}
        self._lock = threading.Lock()

    def open(self) -> Room:
        """A new room with a free code. Raises RoomError if there are too many."""
        with self._lock:
            self._sweep()
            if len(self._rooms) >= self._bounds.rooms:
                idle = [room for room in self._rooms.values() if room.unused()]
                if not idle:
                    raise RoomError(
                        f"This server keeps at most {self._bounds.rooms} rooms at a time, and all are in use. "
                        "Try again later."
                    )
                self._drop(min(idle, key=lambda room: room.opened))
            while (code := "".join(secrets.SystemRandom().sample(LETTERS, CODE_LENGTH))) in self._rooms:
                pass
            self._rooms[code] = room = Room(code, bounds=self._bounds, clock=self._clock)
            log.info("Room %s opened; %d of %d rooms are open", code, len(self._rooms), self._bounds.rooms)
            return room

    def get(self, code: str) -> Room | None:
        """The open room with this code, in any case of letters; None if there is none."""
        with self._lock:
            self._sweep()
            return self._rooms.get(code.strip().upper())

    def hosted(self, code: str, secret: str) -> Room | None:
        """The room with this code if the secret is its lecturer's; otherwise None."""
        room = self.get(code)
        return room if room is not None and hmac.compare_digest(room.secret.encode(), secret.encode()) else None

    def close(self, room: Room) -> None:
        """Close a room and forget its votes."""
        with self._lock:
            self._drop(room)

    def _sweep(self) -> None:
        for room in [room for room in self._rooms.values() if room.spent()]:
            self._drop(room)

    def _drop(self, room: Room) -> None:
        self._rooms.pop(room.code, None)
        room.close()


@functools.cache
def rooms() -> Rooms:
    """The rooms of this process."""
    return Rooms()
