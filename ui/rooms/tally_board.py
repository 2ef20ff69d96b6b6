"""The lecturer's side of one question: how many have voted, the tallies, and the steps of peer instruction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from ui.rooms.records import ROUNDS, Board, Phase, Question, RoomError
from ui.rooms.store import Room

STYLE = Path(__file__).with_name("tally_board.css")
LETTERS = "ABCDEFGH"
# Seconds between two looks at the room: at the votes while voting is open, then for steps of the lecturer's other device.
POLLS: dict[Phase, float | None] = {"waiting": None, "voting": 0.5, "shown": 2.0, "answered": None}
DISCUSS = (
    "A discussion with a neighbour helps most when 30 to 70 % are right (Crouch and Mazur 2001). Then everybody votes again. "
    "You can also ask again without showing the votes, so that nobody follows the majority."
)
SENTENCES = {
    ("voting", 1): "Everybody thinks alone, then votes.",
    ("voting", 2): "Everybody talks with a neighbour, then votes again.",
    ("shown", 1): "Voting is closed.",
    ("shown", 2): "Voting is closed.",
    ("answered", 1): "The answer is revealed.",
    ("answered", 2): "The answer is revealed.",
}


def ask(room: Room, question: Question, *, options: Sequence[str] | None = None) -> bool:
    """Put a question to the room and show the votes on it; return whether the answer is revealed.

    options: as Markdown, if they should look different here than on phones, where they are plain text.
    """
    try:
        room.ask(question)
    except RoomError as error:
        st.warning(str(error), icon=":material/meeting_room:")
        return False
    board = room.board()
    st.fragment(_board, run_every=POLLS[board.phase])(room, board, list(options or question.options))
    return board.phase == "answered"


def _board(room: Room, drawn: Board, options: list[str]) -> None:
    """The board, kept up to date. drawn: what the rest of the page shows; the page runs again when that is over."""
    board = room.board(hidden=bool(st.session_state.get("room_preview")))
    if board.question != drawn.question:
        st.info("The room is at another question, which you asked on another page.", icon=":material/devices:")
        if st.button("Ask this question", key="room_ask_this"):
            st.rerun()
        return
    if (board.phase, board.number) != (
        drawn.phase,
        drawn.number,
    ):  # by a button here, or by the lecturer's other device
        st.rerun()
    st.html(STYLE)
    st.html(f"<p role='status' class='room-step'>{SENTENCES[board.phase, board.number]}</p>")
    if board.phase == "voting":
        share = board.voted / board.present if board.present else 0.0
        st.progress(min(share, 1.0), text=f"**{board.voted}** of {board.present} have voted")
    for index, text in enumerate(options):
        _option(board, index, text)
    _steps(room, board)


def _option(board: Board, index: int, text: str) -> None:
    """One option: its words, and its bars if votes are shown."""
    right = board.phase == "answered" and board.question is not None and board.question.right == index
    words = f"**{LETTERS[index]}.** {text}" + (" :green-badge[:material/check: right answer]" if right else "")
    if not board.tallies:
        st.markdown(words)
        return
    left, place = st.columns([1, 1], vertical_alignment="center")
    left.markdown(words)
    place.html("".join(_bar(tally, index, number, len(board.tallies)) for number, tally in enumerate(board.tallies)))


def _bar(tally: tuple[int, ...], index: int, number: int, rounds: int) -> str:
    """A bar with its number in words, as HTML. Only numbers go into it."""
    votes, all_votes = tally[index], sum(tally)
    percent = round(100 * votes / all_votes) if all_votes else 0
    name = ("before: ", "after: ")[number] if rounds > 1 else ""
    kind = "before" if rounds > 1 and number == 0 else "after"
    return (
        f"<div class='room-bar {kind}'><span aria-hidden='true'><i style='width:{percent}%'></i></span>"
        f"<b>{name}{votes} of {all_votes} ({percent} %)</b></div>"
    )


def _steps(room: Room, board: Board) -> None:
    """The lecturer's buttons for this phase."""
    if board.phase == "answered":
        return
    with st.container(horizontal=True):
        if board.phase == "voting":
            _step("Show the votes", "bar_chart", room.show)
        if board.number < ROUNDS:
            _step("Discuss and ask again", "forum", room.again, help=DISCUSS)
        _step("Reveal the answer", "visibility", room.reveal)


def _step(label: str, icon: str, done: Callable[[], None], *, help: str | None = None) -> None:
    """A button of the lecturer. The room turns before the page runs again, so that phones do not wait for the page."""
    st.button(label, icon=f":material/{icon}:", key=f"room_{icon}", help=help, on_click=done)
