"""The worksheet of a lesson and its answer key, as HTML pages to print. They need no network."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from pathlib import Path

from vicreg.lessons.lesson import LETTERS, Figure, Lesson, Step
from vicreg.lessons.run_numbers import Runs, filled, value_of

CSS = Path(__file__).with_name("worksheets.css")
LINES = 2  # to write on, below each question
Fill = Callable[[str], str]


def worksheet(lesson: Lesson, runs: Runs) -> str:
    """Questions, choices to tick, and space for a reason and for what was seen; no answers."""
    parts = [
        f"<h1>{_text(lesson.title)}</h1>",
        "<div class='who'><span>Name</span><span>Date</span></div>",
        f"<p class='small'>{_text(lesson.summary)} Tick your guess and write down why, before you see the answer.</p>",
    ]
    for number, step in enumerate(lesson.steps, start=1):
        fill = _filler(step, runs)
        choices = "".join(
            f"<li><span class='box'></span><span>{LETTERS[i]}</span><span>{_text(fill(choice.says))}</span></li>"
            for i, choice in enumerate(step.choices)
        )
        lines = "<div class='line'></div>" * LINES
        parts.append(
            f"<section class='step'><h2>{number}. {_text(fill(step.question))}</h2><ol class='choices'>{choices}</ol>"
            f"<p class='small'>Why do you think so?</p>{lines}"
            f"<p class='small'>What did the runs show?</p>{lines}</section>"
        )
    return _page(f"Worksheet: {lesson.title}", parts)


def answer_key(lesson: Lesson, runs: Runs) -> str:
    """For each step the answer, why, why not the others, the numbers with their runs, and the speaker notes.

    runs: by title; the numbers are read from them.
    """
    parts = [f"<h1>{_text(lesson.title)}: answers and speaker notes</h1>"]
    parts.append(f"<p class='small'>{len(lesson.steps)} questions, about {lesson.minutes} minutes.</p>")
    for number, step in enumerate(lesson.steps, start=1):
        fill = _filler(step, runs)
        right = step.choices[step.answer]
        others = "".join(
            f"<li>{LETTERS[i]}. {_text(fill(choice.says))}: <em>{_text(fill(choice.because))}</em></li>"
            for i, choice in enumerate(step.choices)
            if i != step.answer
        )
        numbers = "".join(
            f"<tr><td class='number'>{escape(fill('{' + one.name + '}'))}</td><td>{_text(one.label)}</td>"
            f"<td>{escape(one.run)}</td></tr>"
            for one in step.figures
            if one.label
        )
        state = ", ".join(f"{key} {value}" for key, value in step.link.state.items())
        parts.append(
            f"<section class='step'><h2>{number}. {_text(fill(step.question))}</h2>"
            f"<p class='answer'>{LETTERS[step.answer]}. {_text(fill(right.says))}</p>"
            f"<p>{_text(fill(right.because))} {_text(fill(step.because))}</p><table>{numbers}</table><ul>{others}</ul>"
            f"<p class='small'>Misconception: {_text(fill(step.misconception))} Minutes: {step.minutes}. "
            f"More: page {escape(step.link.page)}{escape(f' ({state})' if state else '')}.</p>"
            + (f"<p class='notes'>{_text(fill(step.notes))}</p>" if step.notes else "")
            + "</section>"
        )
    return _page(f"Answers: {lesson.title}", parts)


def _filler(step: Step, runs: Runs) -> Fill:
    def value(figure: Figure) -> float:
        return value_of(figure, runs)

    return lambda text: filled(text, step.figures, value)


def _text(words: str) -> str:
    """Plain words as HTML; `*y*` and `**y**` become italics and bold."""
    html = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escape(words))
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", html)


def _page(title: str, parts: list[str]) -> str:
    css = CSS.read_text("utf-8")
    return (
        f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<style>\n{css}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )
