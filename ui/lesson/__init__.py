"""The lesson: which one is on, the guess that is asked before an answer is shown, the reveal, and the way back to it."""

from ui.lesson.choosing import cover
from ui.lesson.classroom import class_results, class_vote, classroom
from ui.lesson.kept_in_tab import keep
from ui.lesson.lesson_state import current, note, place, position, step_that_is_on
from ui.lesson.numbers_in_texts import with_figures
from ui.lesson.reveal import reveal
from ui.lesson.speaker_notes import is_for_the_speaker, speaker_notes
from ui.lesson.steps import ballot, steer
from ui.lesson.summary import summary

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
