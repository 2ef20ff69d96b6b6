"""How many rooms, browsers and questions a server takes, and how long a room lives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """The limits of a server's rooms.

    rooms: at a time. members: browsers in a room, ever. pages: of a browser that wait for news.
    questions: in a room. options: of a question.
    seconds: age of a room. unused: seconds after which a room without students may make room for another one.
    present: seconds after a browser's last sign of life during which it counts as present.
    """

    rooms: int = 30
    members: int = 400
    pages: int = 2
    questions: int = 60
    options: int = 8
    seconds: float = 8 * 3600
    unused: float = 300
    present: float = 40


BOUNDS = Bounds()
