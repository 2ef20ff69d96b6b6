"""`lesson` checks a lesson file, and writes its worksheet and its answer key to print."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    lesson = commands.add_parser(
        "lesson",
        help="check a lesson file, and make its worksheet and answer key",
        description="Check a lesson file against the runs on this machine, and make its worksheet and answer key to print.",
    )
    lesson.set_defaults(command=_lesson)
    lesson.add_argument("file", metavar="FILE", help="a TOML file, or a bundled lesson, such as 20-minutes")
    lesson.add_argument(
        "--worksheet", type=Path, metavar="OUT.html", help="write the questions, with space for answers"
    )
    lesson.add_argument("--key", type=Path, metavar="OUT.html", help="write the answers, with speaker notes")


def _lesson(options: argparse.Namespace) -> int:
    from vicreg.lessons import answer_key, bundled, read, runs_by_title, worksheet
    from vicreg.storage.files import atomic_path

    runs, source = runs_by_title(), bundled().get(options.file, Path(options.file))
    if not source.is_file():
        raise ValueError(
            f"there is no lesson file {options.file}; lessons that come with the app: {', '.join(bundled())}"
        )
    lesson = read(source, runs=runs)
    print(f"{options.file}: {lesson.title}, {len(lesson.steps)} steps, {lesson.minutes} minutes; all figures found")
    for out, make in ((options.worksheet, worksheet), (options.key, answer_key)):
        if out is not None:
            with atomic_path(out) as path:
                path.write_text(make(lesson, runs), encoding="utf-8")
            print(f"written: {out}")
    return 0
