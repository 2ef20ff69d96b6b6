"""The lecturer's room on a page: open it, show its code, come back to it, close it.

The lecturer's right is the room's secret. It is kept in the session, in the browser's storage (so that a reload does not
lose the room) and in the private link.
"""

from __future__ import annotations

import html
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import segno
import streamlit as st

from ui.components.scripts import WHEN_IDLE, joined
from ui.components.svg_drawing import drawing
from ui.rooms.records import RoomError
from ui.rooms.store import Room, rooms
from ui.rooms.students_page import PATH

LED = "_room_led"  # (code, secret) of the room that this session leads
HOST = "host"  # the parameter of the private link
ADDRESS = "_room_base"  # the address that the lecturer typed
LOCAL = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # addresses that only this machine reaches
STYLE = Path(__file__).with_name("tally_board.css")
POLL = 2.0  # seconds between two looks at who is present

_KEEP = st.components.v2.component(
    "vicreg_room_key", html="<div></div>", js=joined(*WHEN_IDLE, Path(__file__).with_name("keep_room_key.js"))
)


def led() -> Room | None:
    """The room that this session leads, if it is still open."""
    known = st.session_state.get(LED)
    return rooms().hosted(*known) if known else None


def lobby(*, invite: bool) -> Room | None:
    """Show the room of this session in one line; return it. invite: show how to open one if there is none."""
    _come_back()
    room = led()
    if room is None and st.session_state.pop(LED, None):
        st.warning("Your room is closed, and its votes are gone.", icon=":material/meeting_room:")
    _KEEP(
        key="_room_key",
        data={
            "room": f"{room.code}-{room.secret}" if room else "",
            "forget": st.session_state.pop("_room_forget", False),
        },
        on_room_change=_found_again,
        height=1,
    )
    if room is None:
        _invitation(offer=invite)
        return None
    with st.container(horizontal=True, vertical_alignment="center", key="room_line"):
        _present(room)
        if st.button("Show the code", icon=":material/qr_code_2:", key="room_code"):
            _poster(room)
        with st.popover("Room", icon=":material/settings:"):
            _settings(room)
    if st.session_state.pop("_room_new", False):
        _poster(room)
    return room


def join_link(room: Room) -> str:
    """The address that students open, such as `https://vicreg.example.org/join?room=BDHJ`."""
    return f"{_base()}{PATH}?room={room.code}"


def _invitation(*, offer: bool) -> None:
    """How to join a room that the address names, or how to open one if that is on offer."""
    code = str(st.query_params.get("room", "")).strip().upper()
    if re.fullmatch("[A-Z]{4}", code):
        st.info(f"[Join room {code}](.{PATH}?room={code}) to vote with the class.", icon=":material/how_to_vote:")
        return
    if not offer:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Open a room", icon=":material/groups:", key="room_open"):
            try:
                room = rooms().open()
            except RoomError as error:
                st.warning(str(error), icon=":material/meeting_room:")
                return
            st.session_state[LED] = (room.code, room.secret)
            st.session_state["_room_new"] = True
            st.rerun()
        st.caption("For lecturers: your class votes by phone, without names.")


@st.fragment(run_every=POLL)
def _present(room: Room) -> None:
    """Code and number of browsers, kept up to date."""
    present = room.board().present
    st.markdown(f"**Room {room.code}**: {present} present")


@st.dialog("Join the room", width="large")
def _poster(room: Room) -> None:
    """QR code, code and link, large enough for the last row."""
    if urlsplit(_here()).hostname in LOCAL:
        st.info(
            "You opened the app as `localhost`, which phones cannot reach. They need an address of this machine in their "
            "network. This one is a guess: try it on a phone.",
            icon=":material/lan:",
        )
        _address_field("room_poster_address")
    link = join_link(room)
    st.html(STYLE)
    code, words = st.columns([1, 1], vertical_alignment="center")
    with code:
        drawing(qr(link, title=f"QR code of {link}"), key="room_qr")
    shown = html.escape(link.partition("?")[0].partition("://")[2])
    words.html(f"<p class='room-code'>{room.code}</p><p class='room-address'>{shown}</p>")
    words.markdown("Scan, or type the address and the code. No name, no account.")


def _settings(room: Room) -> None:
    """The students' link, the private link, the preview and the end of the room."""
    _address_field("room_address")
    st.markdown("Students' link")
    st.code(join_link(room), language=None, wrap_lines=True)
    st.markdown("Your private link, for another device. Whoever has it leads the room, so do not project it.")
    if st.toggle("Show the private link", key="room_private"):
        st.code(f"{_here()}?{HOST}={room.code}-{room.secret}", language=None, wrap_lines=True)
    st.toggle(
        "Preview hidden votes",
        key="room_preview",
        help="For a screen that the class does not see, such as your phone with the private link.",
    )
    if st.button("Close the room", icon=":material/close:", key="room_close"):
        rooms().close(room)
        st.session_state.pop(LED, None)
        st.session_state["_room_forget"] = True
        st.rerun()


def qr(link: str, *, title: str) -> str:
    """A QR code as SVG, black on white with its quiet zone, as large as its place and the window allow."""
    made = segno.make(link, error="m", micro=False)
    svg = made.svg_inline(
        border=4, dark="#000", light="#fff", omitsize=True, title=title, svgclass=None, lineclass=None
    )
    return svg.replace("<svg ", '<svg role="img" style="display:block;width:100%;max-width:60vh" ', 1)


def _come_back() -> None:
    """Take the room of a private link, and take the secret out of the address, which others may see."""
    told = st.query_params.get(HOST)
    if told is None:
        return
    del st.query_params[HOST]
    if not _take(str(told)):
        st.warning("This private link no longer works: the room is closed.", icon=":material/meeting_room:")


def _found_again() -> None:
    """Take the room whose key the browser kept."""
    told = st.session_state["_room_key"].room
    if told and led() is None and not _take(str(told)):
        st.session_state["_room_forget"] = True


def _take(told: str) -> bool:
    code, _, secret = told.partition("-")
    if rooms().hosted(code, secret) is None:
        return False
    st.session_state[LED] = (code, secret)
    return True


def _here() -> str:
    """The address of this page, without its query."""
    return str(st.context.url or "http://localhost:8501/lesson").partition("?")[0].partition("#")[0]


def _base() -> str:
    """The address of the app as students reach it, without a slash at its end."""
    known = st.session_state.get(ADDRESS)
    if known:
        return str(known)
    return _guess() if urlsplit(_here()).hostname in LOCAL else _here().rpartition("/")[0]


def _address_field(key: str) -> None:
    """A field for another address of the app, checked before use."""
    typed = st.text_input(
        "Address that students can reach",
        value=_base(),
        max_chars=200,
        key=key,
        help="The machine's name or IP address in the network that the phones use, and the port.",
    )
    address = (typed or "").strip().rstrip("/")
    if _is_address(address):
        st.session_state[ADDRESS] = address
    else:
        st.warning("An address looks like `http://192.168.1.20:8501`.", icon=":material/link_off:")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError if it is not a port
    except ValueError:
        return False
    plain = re.fullmatch(r"[!-~]+", text) is not None and not set(text) & set("<>\"'\\") and not parts.query
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)


def _guess() -> str:
    """This machine's address in its network, with the app's port. Nothing is sent."""
    here = urlsplit(_here())
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # an address for documentation; UDP sends nothing when it connects
            name = probe.getsockname()[0]
    except OSError:
        name = socket.gethostname()
    return f"{here.scheme or 'http'}://{name}" + (f":{here.port}" if here.port else "") + here.path.rpartition("/")[0]
