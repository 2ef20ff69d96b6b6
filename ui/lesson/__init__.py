"""The lesson: which one is on, the guess that is asked before an answer is shown, the reveal, and the way back to it.

Each name is loaded on first use: the top of every page needs to know which lesson is on, and nothing else.
"""

from typing import TYPE_CHECKING

from vicreg.lazy_imports import names_of

if TYPE_CHECKING:
    from ui.lesson.choosing import cover
    from ui.lesson.class_votes import class_results, class_vote, classroom
    from ui.lesson.kept_in_tab import keep
    from ui.lesson.lesson_state import current, note, place, position, step_that_is_on
    from ui.lesson.notes_page import is_for_the_speaker, speaker_notes
    from ui.lesson.numbers_in_texts import with_figures
    from ui.lesson.revealing import reveal
    from ui.lesson.steps import ballot, steer
    from ui.lesson.summing_up import summary

__all__ = [
    "ballot",
    "class_results",
    "class_vote",
    "classroom",
    "cover",
    "current",
    "is_for_the_speaker",
    "keep",
    "note",
    "place",
    "position",
    "reveal",
    "speaker_notes",
    "steer",
    "step_that_is_on",
    "summary",
    "with_figures",
]

_HOMES = {
    "ui.lesson.choosing": ("cover",),
    "ui.lesson.class_votes": ("class_results", "class_vote", "classroom"),
    "ui.lesson.kept_in_tab": ("keep",),
    "ui.lesson.lesson_state": ("current", "note", "place", "position", "step_that_is_on"),
    "ui.lesson.revealing": ("reveal",),
    "ui.lesson.notes_page": ("is_for_the_speaker", "speaker_notes"),
    "ui.lesson.steps": ("ballot", "steer"),
    "ui.lesson.summing_up": ("summary",),
    "ui.lesson.numbers_in_texts": ("with_figures",),
}
__getattr__ = names_of(__name__, {name: module for module, names in _HOMES.items() for name in names})
