"""The lesson: which one is on, the guess that is asked before an answer is shown, the reveal, and the way back to it."""

from ui.lesson.choosing import cover
from ui.lesson.classroom import class_results, class_vote, classroom
from ui.lesson.keeping import keep
from ui.lesson.lesson_state import current, note, place, position, step_that_is_on
from ui.lesson.reveal import reveal
from ui.lesson.speaker_notes import is_for_the_speaker, speaker_notes
from ui.lesson.steps import ballot, steer
from ui.lesson.summary import summary
from ui.lesson.texts import with_figures

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
