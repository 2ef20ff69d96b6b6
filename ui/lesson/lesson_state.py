"""What a visitor's session knows of the lesson: which one it is, the step, and the guesses. In session state only.

The step stands in the URL as well (`?step=3`, `?step=end`), and so does the lesson (`?lesson=20-minutes`, `?lesson=own`).
The browser keeps guesses and an own lesson file for a reload (see `kept_in_tab`).
"""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from vicreg.lessons import Lesson, LessonError, bundled, read
from vicreg.lessons.reading import MAX_STEPS

END = "end"
FROM_SERVER = "server"  # the lesson of VICREG_LESSON
OWN = "own"  # a file that the visitor loaded
_NAME, _OWN, _GUESSES = "_lesson_name", "_lesson_own", "_lesson_guesses"
_STEP, _ON = "_lesson_step", "_lesson_on"


@st.cache_data(max_entries=32, show_spinner=False)
def checked(content: bytes, name: str) -> Lesson:
    """A lesson from the bytes of a file, read once for all visitors. Raises LessonError."""
    return read(content, name=name)


def files() -> dict[str, Path]:
    """The lessons of this server by name: that of VICREG_LESSON first, then the bundled ones."""
    named = os.environ.get("VICREG_LESSON")
    return ({FROM_SERVER: Path(named).expanduser()} if named else {}) | bundled()


def of_file(path: Path) -> Lesson:
    """The lesson in a file of this server. Raises LessonError, also where the file cannot be read."""
    try:
        return checked(path.read_bytes(), path.name)
    except OSError as error:
        raise LessonError(f"{path.name} cannot be read: {error.strerror or 'unknown reason'}") from error


def own() -> tuple[str, bytes] | None:
    """The name and the bytes of the visitor's own lesson, which was checked when it was loaded."""
    return st.session_state.get(_OWN)


def take_own(name: str, content: bytes) -> None:
    """Keep a file as the visitor's own lesson. Raises LessonError, and then nothing changes."""
    checked(content, name)
    st.session_state[_OWN] = (name, content)


def choose(name: str) -> None:
    """Choose a lesson and go to its first screen."""
    st.session_state[_NAME] = name
    st.query_params.pop("lesson", None)
    go(0)


def chosen() -> str:
    """The name of the chosen lesson: that of the URL, else the session's, else the first one."""
    asked = st.query_params.get("lesson")
    known = [*files(), *([OWN] if own() else [])]
    name = asked if asked in known else st.session_state.get(_NAME)
    return st.session_state.setdefault(_NAME, known[0]) if name not in known else name


def current() -> tuple[Lesson | None, str]:
    """The chosen lesson; if its file has an error, None and the sentence that says so."""
    name, mine = chosen(), own()
    st.session_state[_NAME] = name
    try:
        return (checked(mine[1], mine[0]) if name == OWN and mine else of_file(files()[name])), ""
    except LessonError as error:
        return None, str(error)


def position(lesson: Lesson) -> int:
    """Where the visitor is: 0 for the first screen, 1 to n for a step, n + 1 for the summary."""
    asked, last = st.query_params.get("step", ""), len(lesson.steps)
    if asked == END:
        return last + 1
    if asked.isdecimal() and len(asked) < 4:
        return min(int(asked), last)
    return min(st.session_state.get(_STEP, 0), last + 1)


def go(step: int) -> None:
    """Move to a position; the URL follows on the next run."""
    st.session_state[_STEP] = step
    st.query_params.pop("step", None)


def note(lesson: Lesson, step: int) -> None:
    """Remember the position, and put it and the lesson's name into the URL."""
    st.session_state[_STEP] = step
    st.session_state[_ON] = step if step <= len(lesson.steps) else 0
    if own_is_missing():  # until the browser has given it back
        return
    wanted = {"lesson": chosen()}
    if step:
        wanted["step"] = str(step) if step <= len(lesson.steps) else END
    for key in ("lesson", "step"):  # one by one: other parameters belong to widgets
        if key not in wanted:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != wanted[key]:
            st.query_params[key] = wanted[key]


def place(lesson: Lesson | None) -> str:
    """The lesson and the step as text: `20-minutes/3`, `20-minutes/end`."""
    at = position(lesson) if lesson else 0
    return f"{chosen()}/{END if lesson and at > len(lesson.steps) else at}"


def own_is_missing() -> bool:
    """Whether the URL asks for an own lesson that this session does not have."""
    return st.query_params.get("lesson") == OWN and own() is None


def step_that_is_on() -> int:
    """The step of the lesson that is on in this session, from 1; 0 if none has begun, or if it was finished or left."""
    return int(st.session_state.get(_ON, 0))


def address(step: int) -> dict[str, str]:
    """The query of the page Lesson at a step."""
    return {"lesson": str(st.session_state.get(_NAME, OWN)), "step": str(step)}


def stay_on() -> None:
    """On another page: keep the lesson that is on in the URL, from which the new session of a reload takes it."""
    query = st.query_params
    name, step = query.get("lesson", ""), query.get("step", "")
    if _ON not in st.session_state and name in [*files(), OWN] and step.isdecimal() and len(step) < 3:
        st.session_state[_NAME] = name
        st.session_state[_ON] = st.session_state[_STEP] = min(int(step), MAX_STEPS)
    on = step_that_is_on()
    for key, value in address(on).items():
        if not on:
            query.pop(key, None)
        elif query.get(key) != value:
            query[key] = value


def leave() -> None:
    """Leave the lesson on its page: go to its first screen. The guesses stay."""
    go(0)
    st.session_state[_ON] = 0


def leave_for_good() -> None:
    """Leave the lesson on another page, which stays open."""
    st.session_state[_STEP] = st.session_state[_ON] = 0


def guesses(lesson: Lesson) -> dict[str, int]:
    """The guesses in a lesson: key of the step -> position of the choice."""
    return st.session_state.setdefault(_GUESSES, {}).setdefault(lesson.id, {})


def all_guesses() -> dict[str, dict[str, int]]:
    """The guesses in every lesson of this session, by the lesson's id."""
    return st.session_state.setdefault(_GUESSES, {})


def lock(lesson: Lesson, key: str, guess: int) -> None:
    """Keep a guess. The first one counts."""
    guesses(lesson).setdefault(key, guess)


def forget(lesson: Lesson) -> None:
    """Forget all guesses in a lesson, to take it again."""
    all_guesses()[lesson.id] = {}
    go(1)
