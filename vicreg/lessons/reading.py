"""Reads a lesson file and checks it. Files may come from strangers, so everything in them is bounded and plain."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from vicreg.lessons import line_numbers, vocabulary
from vicreg.lessons.lesson import Choice, Figure, Lesson, Link, Picture, Step
from vicreg.lessons.run_numbers import PLACE, Runs, runs_by_title, value_of
from vicreg.storage.untrusted import plain, shown, whole

MAX_BYTES = 64_000
MAX_STEPS = 40
MAX_DOTS = 500  # per line
CHOICES = (2, 5)
MAX_FIGURES = 16
LABELLED = 4  # the most figures of a step with a label; only these are on the screen
FOLDER = Path(__file__).parent
_KEY = re.compile(r"[a-z][a-z0-9-]{0,39}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
Where = tuple[str | int, ...]


class LessonError(ValueError):
    """A sentence that names the file, the line and what is wrong there."""


def bundled() -> dict[str, Path]:
    """The lessons that come with the app: name, such as `20-minutes`, -> file."""
    return {file.stem: file for file in sorted(FOLDER.glob("*.toml"))}


def read(source: str | Path | bytes, *, name: str = "", runs: Runs | None = None) -> Lesson:
    """The lesson in a file, or in the bytes of one.

    name: of the file in error messages, if `source` is bytes. runs: by title, to check figures against; default: all on
    this machine. Raises LessonError; an unreadable file raises OSError.
    """
    if isinstance(source, bytes):
        content = source
    else:
        name = name or Path(source).name
        with Path(source).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    name = shown(name or "lesson")[1:-1]
    if len(content) > MAX_BYTES:
        raise LessonError(f"{name}, line 1: a lesson has at most {MAX_BYTES:,} bytes, this file has more")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise LessonError(f"{name}, line {line}: the file is not UTF-8 text") from error
    for number, row in enumerate(text.split("\n"), start=1):
        if row.count(".") > MAX_DOTS:  # tomllib needs memory that grows with the square of a dotted key's parts
            raise LessonError(f"{name}, line {number}: a line has at most {MAX_DOTS} dots, this one has more")
    try:
        tree = tomllib.loads(text)
    except RecursionError as error:
        raise LessonError(f"{name}, line 1: values are nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise LessonError(_syntax(name, text, str(error))) from error
    return _Reader(name, text, runs_by_title() if runs is None else runs).lesson(tree)


def _syntax(name: str, text: str, problem: str) -> str:
    at = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", problem)
    line = int(at[1]) if at and at[1] else len(text.rstrip().split("\n")) if at else 1
    words = shown((problem[: at.start()] if at else problem).replace("'\\n'", "end of line"))[1:-1]
    return f"{name}, line {line}: this is not valid TOML: {words}"


class _Reader:
    """Turns the tree of one file into a Lesson. `where` is the place of a value in the tree, for the line of an error."""

    def __init__(self, name: str, text: str, runs: Runs) -> None:
        self.name, self.text, self.runs = name, text, runs

    def fail(self, where: Where, problem: str) -> LessonError:
        return LessonError(f"{self.name}, line {line_numbers.line_of(self.text, where)}: {problem}")

    def table(self, where: Where, value: object, required: str, optional: str = "") -> Mapping[str, object]:
        """A table with these keys and no others. required, optional: the keys, separated by spaces."""
        label = _label(where)
        if not isinstance(value, dict):
            raise self.fail(where, f"{label} must be a table, got {shown(value)}")
        allowed = [*required.split(), *optional.split()]
        for key in value:
            if key not in allowed:
                raise self.fail((*where, key), f"{label} has no key {shown(key)}; it may have {', '.join(allowed)}")
        for key in required.split():
            if key not in value:
                raise self.fail(where, f"{label} needs {key!r}")
        return value

    def text_at(self, where: Where, value: object, most: int) -> str:
        """One line of plain text of 1 to `most` characters; line breaks become spaces. Figures may stand in braces."""
        if not isinstance(value, str):
            raise self.fail(where, f"{_label(where)} must be text, got {shown(value)}")
        words = " ".join(value.split())
        if not words or not plain(PLACE.sub("0", words), most=most):
            raise self.fail(
                where,
                f"{_label(where)} must be 1 to {most} characters of plain text, without links, HTML, brackets, "
                "backticks or formulas (a figure is written {name})",
            )
        return words

    def items(self, where: Where, value: object, least: int, most: int) -> list[object]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise self.fail(where, f"{_label(where)} must be a list of {least} to {most} entries, got {shown(value)}")
        return value

    def lesson(self, tree: Mapping[str, object]) -> Lesson:
        found = self.table((), tree, "title summary step")
        entries = self.items(("step",), found["step"], 1, MAX_STEPS)
        steps = tuple(self.step(("step", i), entry) for i, entry in enumerate(entries))
        for i, step in enumerate(steps):
            if step.key in [other.key for other in steps[:i]]:
                raise self.fail(("step", i, "key"), f"the key {step.key!r} is used by an earlier step")
        return Lesson(
            self.text_at(("title",), found["title"], 80),
            self.text_at(("summary",), found["summary"], 600),
            steps,
            self.text,
        )

    def step(self, at: Where, value: object) -> Step:
        found = self.table(at, value, "key question choice because misconception minutes picture link", "figures notes")
        key = found["key"]
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise self.fail(
                (*at, "key"), f"key must be 1 to 40 of a-z, 0-9 and dashes, first a letter, got {shown(key)}"
            )
        try:
            whole(1, 60)("minutes", found["minutes"])
        except ValueError as error:
            raise self.fail((*at, "minutes"), str(error)) from error
        figures = self.figures((*at, "figures"), found.get("figures", {}))
        choices, answer = self.choices((*at, "choice"), found["choice"])
        words = {
            name: self.text_at((*at, name), found[name], most)
            for name, most in (("question", 240), ("because", 500), ("misconception", 300), ("notes", 1_000))
            if name in found
        }
        step = Step(
            key=key,
            question=words["question"],
            choices=choices,
            answer=answer,
            because=words["because"],
            misconception=words["misconception"],
            minutes=int(str(found["minutes"])),
            figures=figures,
            picture=self.picture((*at, "picture"), found["picture"], figures),
            link=self.link((*at, "link"), found["link"]),
            notes=words.get("notes", ""),
        )
        self.known_names(at, step, words)
        return step

    def choices(self, at: Where, value: object) -> tuple[tuple[Choice, ...], int]:
        """The choices, and the position of the right one."""
        choices: list[Choice] = []
        right: list[int] = []
        for i, entry in enumerate(self.items(at, value, *CHOICES)):
            found = self.table((*at, i), entry, "says because", "right")
            if found.get("right", True) is not True:
                raise self.fail((*at, i, "right"), "right must be true, or left out")
            says = self.text_at((*at, i, "says"), found["says"], 160)
            if says in [choice.says for choice in choices]:
                raise self.fail((*at, i, "says"), "an earlier choice says the same")
            choices.append(Choice(says, self.text_at((*at, i, "because"), found["because"], 400)))
            if "right" in found:
                right.append(i)
        if len(right) != 1:
            where = (*at, right[1], "right") if right else at
            raise self.fail(where, f"exactly one choice must have right = true, got {len(right) or 'none'}")
        return tuple(choices), right[0]

    def figures(self, at: Where, value: object) -> tuple[Figure, ...]:
        if not isinstance(value, dict) or len(value) > MAX_FIGURES:
            raise self.fail(at, f"figures must be a table of at most {MAX_FIGURES}, got {shown(value)}")
        figures = []
        for name, entry in value.items():
            where = (*at, name)
            if not _NAME.fullmatch(name):
                rule = "a figure's name must be 1 to 40 of a-z, 0-9 and _, first a letter"
                raise self.fail(where, f"{rule}, got {shown(name)}")
            found = self.table(where, entry, "run path", "label decimals")
            decimals = found.get("decimals")
            if decimals is not None and (type(decimals) is not int or not 0 <= decimals <= 4):
                raise self.fail((*where, "decimals"), f"decimals must be 0 to 4, got {shown(decimals)}")
            figure = Figure(
                name,
                self.text_at((*where, "run"), found["run"], 120),
                self.text_at((*where, "path"), found["path"], 200),
                self.text_at((*where, "label"), found["label"], 60) if "label" in found else "",
                decimals,
            )
            try:
                value_of(figure, self.runs)
            except ValueError as error:
                raise self.fail(where, str(error)) from error
            figures.append(figure)
        labelled = [figure for figure in figures if figure.label]
        if len(labelled) > LABELLED:
            raise self.fail((*at, labelled[LABELLED].name), f"at most {LABELLED} figures of a step can have a label")
        return tuple(figures)

    def picture(self, at: Where, value: object, figures: tuple[Figure, ...]) -> Picture:
        name = value.get("name") if isinstance(value, dict) else None
        if not isinstance(name, str) or name not in vocabulary.PICTURES:
            known = ", ".join(vocabulary.PICTURES)
            raise self.fail(
                (*at, "name") if name is not None else at, f"picture needs a name, one of {known}; got {shown(name)}"
            )
        kind = vocabulary.PICTURES[name]
        found = self.table(at, value, "name" + " runs" * bool(kind.runs[0]), " ".join(kind.options))
        titles = self.items((*at, "runs"), found["runs"], *kind.runs) if kind.runs[0] else []
        for i, title in enumerate(titles):
            self.draws((*at, "runs", i), name, kind, title)
        data = {self.runs[str(title)].config.dataset for title in titles}
        if len(data) > 1:
            raise self.fail(
                (*at, "runs"), f"a picture shows runs of one data set, these are of {', '.join(sorted(data))}"
            )
        for option, values in kind.options.items():
            if found.get(option, values[0]) not in values:
                raise self.fail(
                    (*at, option), f"{option} must be one of {', '.join(values)}, got {shown(found[option])}"
                )
        if name == "figures" and not any(figure.label for figure in figures):
            raise self.fail(at, "the picture 'figures' draws the step's figures that have a label, but none has one")
        options = {option: str(found[option]) for option in kind.options if option in found}
        return Picture(name, tuple(str(title) for title in titles), options)

    def draws(self, at: Where, name: str, kind: vocabulary.Kind, title: object) -> None:
        """Check that a run exists and has what a picture draws."""
        run = self.runs.get(title) if isinstance(title, str) else None
        if run is None:
            known = ", ".join(self.runs) or "none"
            raise self.fail(at, f"there is no run {shown(title)} here; there are {known}")
        try:
            metrics = run.metrics if kind.needs else {}
        except ValueError as error:  # a damaged run, named
            raise self.fail(at, str(error)) from error
        for path in kind.needs:
            found: object = metrics
            for part in path.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            if found is None:
                raise self.fail(at, f"{title} was not measured for the picture {name!r}: its metrics have no {path}")
        missing = [table for table in kind.tables if not run.has(table)]
        if missing or (name == "curves" and run.baseline):
            raise self.fail(
                at, f"{title} cannot be drawn as {name!r}: it has no {missing[0] if missing else 'history'}"
            )

    def link(self, at: Where, value: object) -> Link:
        found = self.table(at, value, "page says", "state")
        page = found["page"]
        if not isinstance(page, str) or page not in vocabulary.PAGES:
            raise self.fail((*at, "page"), f"page must be one of {', '.join(vocabulary.PAGES)}, got {shown(page)}")
        state = self.table((*at, "state"), found.get("state", {}), "", " ".join(vocabulary.PAGES[page]))
        for key, entry in state.items():
            self.text_at((*at, "state", key), entry, 100)
            if key in vocabulary.RUN_KEYS and entry not in self.runs:
                raise self.fail(
                    (*at, "state", key), f"there is no run {shown(entry)} here; there are {', '.join(self.runs)}"
                )
        return Link(
            page, self.text_at((*at, "says"), found["says"], 100), {key: str(entry) for key, entry in state.items()}
        )

    def known_names(self, at: Where, step: Step, words: Mapping[str, str]) -> None:
        """Check that every figure in a text of the step is defined."""
        texts: list[tuple[Where, str]] = [((*at, name), text) for name, text in words.items()]
        texts += [((*at, "choice", i, "because"), choice.because) for i, choice in enumerate(step.choices)]
        texts += [((*at, "choice", i, "says"), choice.says) for i, choice in enumerate(step.choices)]
        names = [figure.name for figure in step.figures]
        for where, text in texts:
            for match in PLACE.finditer(text):
                if match[1] not in names:
                    known = ", ".join(names) or "none"
                    raise self.fail(where, f"{_label(where)} names the figure {match[1]!r}; the step defines {known}")


def _label(where: Where) -> str:
    """What a place is called in an error: `because of choice 2`, `the step`, `the file`."""
    words = [str(part) for part in where if isinstance(part, str)]
    if not words:
        return "the file"
    number = f" {where[-1] + 1}" if isinstance(where[-1], int) else ""
    of = (
        f" of choice {where[-2] + 1}" if len(where) > 3 and where[-3] == "choice" and isinstance(where[-2], int) else ""
    )
    return f"{words[-1]}{number}{of}"
