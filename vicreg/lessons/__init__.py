"""Lessons: a question, a guess, and what the real runs show, read from a TOML file that a lecturer can edit.

`lesson` says what a lesson is, `reading` checks a file, `run_numbers` takes the numbers from the runs, `vocabulary` lists the
pictures and pages that a step can name, and `worksheets` makes worksheets and answer keys. Two lessons are here as
TOML files. docs/lecturers.md explains the format.
"""

from vicreg.lessons.lesson import Choice, Figure, Lesson, Link, Picture, Step
from vicreg.lessons.reading import LessonError, bundled, read
from vicreg.lessons.run_numbers import filled, runs_by_title, value_of
from vicreg.lessons.vocabulary import PAGES, PICTURES
from vicreg.lessons.worksheets import answer_key, worksheet

__all__ = [
    "PAGES",
    "PICTURES",
    "Choice",
    "Figure",
    "Lesson",
    "LessonError",
    "Link",
    "Picture",
    "Step",
    "answer_key",
    "bundled",
    "filled",
    "read",
    "runs_by_title",
    "value_of",
    "worksheet",
]
