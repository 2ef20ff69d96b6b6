"""The first screen: which lesson, what it holds, its worksheet and answer key, and loading a file of one's own."""

from __future__ import annotations

import streamlit as st

from ui.lesson import lesson_state, notes_page
from vicreg.lessons import Lesson, LessonError, answer_key, runs_by_title, worksheet
from vicreg.lessons.reading import MAX_BYTES


def cover(lesson: Lesson | None) -> None:
    """Choose, begin, print or load a lesson. lesson: the chosen one; None if its file has an error."""
    if lesson_state.own_is_missing():
        st.info(
            "This link is to a lesson that somebody loaded from a file. Load the file below to see it.",
            icon=":material/info:",
        )
    names = _titles()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Lesson",
            list(names),
            index=list(names).index(lesson_state.chosen()),
            format_func=names.__getitem__,
            key=f"lesson_choice_{lesson_state.chosen()}",
            on_change=lambda: lesson_state.choose(st.session_state[f"lesson_choice_{lesson_state.chosen()}"]),
            width=420,
        )
        if lesson is not None:
            guessed = lesson_state.guesses(lesson)
            st.button(
                "Continue" if guessed else "Begin",
                icon=":material/play_arrow:",
                shortcut="Right",
                on_click=lesson_state.go,
                args=(min(len(guessed) + 1, len(lesson.steps)),),
                key="begin",
            )
    if lesson is not None:
        st.markdown(
            f"{lesson.summary}\n\n**{len(lesson.steps)} questions, about {lesson.minutes} minutes.** On other pages, a "
            "button leads back here."
        )
        _for_the_lecturer(lesson)


def _titles() -> dict[str, str]:
    """What each lesson is called in the choice, by name; the file's name where it has an error."""
    titles = {}
    for name, path in lesson_state.files().items():
        try:
            found = lesson_state.of_file(path)
            titles[name] = f"{found.title} ({found.minutes} minutes)"
        except LessonError:
            titles[name] = path.name
    if (mine := lesson_state.own()) is not None:
        found = lesson_state.checked(mine[1], mine[0])
        titles[lesson_state.OWN] = f"{found.title} ({found.minutes} minutes), from {mine[0]}"
    return titles


def _for_the_lecturer(lesson: Lesson) -> None:
    """Downloads, and the upload of an edited file."""
    with st.expander(
        "For the lecturer", icon=":material/co_present:", on_change="rerun", key="lesson_lecturer"
    ) as fold:
        if not fold.open:
            return
        runs, name = runs_by_title(), lesson_state.chosen()
        with st.container(horizontal=True):
            st.download_button(
                "Worksheet",
                worksheet(lesson, runs),
                f"{name}-worksheet.html",
                "text/html",
                icon=":material/print:",
                on_click="ignore",
            )
            st.download_button(
                "Answer key and speaker notes",
                answer_key(lesson, runs),
                f"{name}-key.html",
                "text/html",
                icon=":material/key:",
                on_click="ignore",
            )
            st.download_button(
                "Download this lesson to edit",
                lesson.text,
                f"{name}.toml",
                "text/plain",
                icon=":material/edit:",
                on_click="ignore",
            )
        if name != lesson_state.OWN:  # another window does not have a file that was loaded in this one
            notes_page.offer(name)
        problem = st.container()  # above the uploader, where it is seen
        file = st.file_uploader(
            "Load an edited lesson",
            type=["toml"],
            max_upload_size=1,
            key="lesson_file",
            help=f"A TOML file of at most {MAX_BYTES // 1000} kB. It is checked first and stays in this browser tab. "
            f"docs/lecturers.md explains the format.",
        )
        if file is not None and st.session_state.get("_lesson_file") != file.file_id:
            try:
                lesson_state.take_own(file.name, file.getvalue())
            except LessonError as error:
                problem.error(str(error), icon=":material/edit_note:")
                return
            st.session_state["_lesson_file"] = file.file_id
            lesson_state.choose(lesson_state.OWN)
            st.rerun()
