"""Write the tables of docs/reliability.md: `python -m docs.reliability [--run]`.

Faults are the tests that are marked `@pytest.mark.fault(what goes wrong, what must happen)`; they are read from the source.
Bounds are read from the constants that set them. With `--run` all of these tests run, and the page says how they ended.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import os
import platform
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("reliability.md")
PARTS = {
    "runs": "Runs on disk",
    "cli": "Runs on disk",
    "hub": "The Hub",
    "storage": "The Hub",
    "pages": "Pages",
    "data": "Images and uploads",
    "evaluation": "Images and uploads",
    "training": "Training",
    "jobs": "Training",
    "test_config.py": "Training",
    "pipeline": "Training",
    "ui": "Visitors and rooms",
    "lessons": "Visitors and rooms",
    "server": "Servers",
}


@dataclass(frozen=True)
class Fault:
    """A test of a fault. what: goes wrong. must: happen. test: its name. file: below tests/."""

    what: str
    must: str
    test: str
    file: str

    @property
    def part(self) -> str:
        return PARTS[self.file.split("/")[0]]


def faults() -> list[Fault]:
    """All marked tests, by part, file and order in it. Raises ValueError for a mark without its two sentences."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = path.relative_to(ROOT / "tests").as_posix()
        for node in ast.parse(path.read_text("utf-8")).body:
            for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                    words = [word.value for word in mark.args if isinstance(word, ast.Constant)]
                    if len(words) != 2:
                        raise ValueError(f"{file}::{node.name}: a fault has two sentences, got {len(words)}")
                    found.append(Fault(*map(str, words), node.name, file))
    order = list(dict.fromkeys(PARTS.values()))
    return sorted(found, key=lambda fault: order.index(fault.part))


def fault_table() -> str:
    """The faults as a Markdown table."""
    lines = ["| what goes wrong | what must happen | test |", "| --- | --- | --- |"]
    part = ""
    for fault in faults():
        if fault.part != part:
            part = fault.part
            lines.append(f"| **{part}** | | |")
        link = f'[{Path(fault.file).stem.removeprefix("test_")}](../tests/{fault.file} "{fault.test}")'
        lines.append(f"| {fault.what} | {fault.must} | {link} |")
    return "\n".join(lines)


def bound_table() -> str:
    """What one visitor can make grow, and how far, as a Markdown table."""
    lines = ["| what | at most | set in |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {what} | {most} | `{place}` |" for what, most, place in bounds())])


def bounds() -> list[tuple[str, str, str]]:
    """(what, how much, where it is set) of every bound, read from the constants themselves."""
    from server.server_limits import LIMITS
    from ui import checkpoints
    from ui.background_tasks import KEEP
    from ui.hub_bytes import HUB_BYTES
    from ui.lesson.kept_in_tab import MOST
    from ui.live_training import training_limits
    from ui.rooms.room_limits import BOUNDS
    from ui.rooms.students_page import LONGEST_BODY, WAIT
    from vicreg.data import uploaded_picture as upload
    from vicreg.evaluation.encode import CACHE_BYTES
    from vicreg.hub import download_limits, run_downloads
    from vicreg.lessons.reading import MAX_BYTES, MAX_STEPS
    from vicreg.runs.json_rules import MAX_JSON_BYTES
    from vicreg.runs.result_table_checks import MAX_TABLE_BYTES

    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["server"]
    hosted = training_limits.HOSTED
    return [
        ("open pages of all visitors", f"{LIMITS.sessions}", "server/server_limits.py"),
        ("files that a visitor has uploaded", f"{LIMITS.uploads}", "server/server_limits.py"),
        ("an address", f"{LIMITS.address:,} bytes", "server/server_limits.py"),
        (
            "a message from a browser",
            f"{settings['maxWidgetStateSize']} MB; of a longer one, {settings['maxMessageSize']} MB are read",
            ".streamlit/config.toml",
        ),
        ("a message to a browser", f"{settings['maxMessageSize']} MB", ".streamlit/config.toml"),
        (
            "an upload",
            f"{megabytes(upload.MAX_BYTES)}, {upload.MAX_PIXELS / 1e6:.0f} megapixels, decoded one at a time",
            "vicreg/data/uploaded_picture.py",
        ),
        ("a lesson file", f"{MAX_BYTES / 1e3:.0f} kB, {MAX_STEPS} steps", "vicreg/lessons/reading.py"),
        ("a lesson that a browser gives back", f"{MOST / 1e3:.0f} kB", "ui/lesson/kept_in_tab.py"),
        ("rooms", f"{BOUNDS.rooms}, each for {BOUNDS.seconds / 3600:.0f} hours", "ui/rooms/room_limits.py"),
        (
            "a room",
            f"{BOUNDS.members} browsers, {BOUNDS.pages} open pages of each, {BOUNDS.questions} questions",
            "ui/rooms/room_limits.py",
        ),
        ("a vote", f"{LONGEST_BODY:,} bytes", "ui/rooms/students_page.py"),
        ("a page that waits for news", f"{WAIT:.0f} s", "ui/rooms/students_page.py"),
        ("questions to the Hub at a time", f"{checkpoints.LOOKS}", "ui/checkpoints.py"),
        ("downloads at a time", f"{checkpoints.DOWNLOADS}", "ui/checkpoints.py"),
        ("files from the Hub, on a hosted server", megabytes(HUB_BYTES), "ui/hub_bytes.py"),
        (
            "disk that a download leaves free",
            f"{megabytes(run_downloads.SPARE_BYTES)} (at least)",
            "vicreg/hub/run_downloads.py",
        ),
        (
            "a run from the Hub",
            f"{download_limits.MAX_FILES} files, {megabytes(download_limits.MAX_FILE_BYTES)} each, "
            f"{megabytes(download_limits.MAX_RUN_BYTES)} in all",
            "vicreg/hub/download_limits.py",
        ),
        ("runs of a repository", f"{download_limits.MAX_RUNS}", "vicreg/hub/download_limits.py"),
        ("a table of a run, unpacked", megabytes(MAX_TABLE_BYTES), "vicreg/runs/result_table_checks.py"),
        ("a JSON file of a run", megabytes(MAX_JSON_BYTES), "vicreg/runs/json_rules.py"),
        ("trainings at a time", "1", "vicreg/jobs/locks.py"),
        (
            "a training on a hosted server",
            f"{hosted.epochs} epochs, {(hosted.seconds or 0) / 60:.0f} minutes, {megabytes(hosted.disk_bytes or 0)}",
            "ui/live_training/training_limits.py",
        ),
        (
            "trained runs on a hosted server",
            f"{training_limits.KEPT_RUNS} of visitors, {megabytes(training_limits.KEPT_BYTES)} in all",
            "ui/live_training/training_limits.py",
        ),
        ("finished tasks that are remembered", f"{KEEP}", "ui/background_tasks.py"),
        ("cached representations on disk", megabytes(CACHE_BYTES), "vicreg/evaluation/encode.py"),
        (
            "cached tables and charts in memory",
            settings["maxCacheDataSize"].upper().replace("MB", " MB"),
            ".streamlit/config.toml",
        ),
    ]


def filled(text: str, tables: Mapping[str, str]) -> str:
    """The text with every table between `<!-- NAME -->` and `<!-- end -->` that has a new content."""

    def part(match: re.Match[str]) -> str:
        return f"<!-- {match[1]} -->\n\n{tables[match[1]]}\n\n<!-- end -->" if match[1] in tables else match[0]

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", part, text, flags=re.DOTALL)


def megabytes(count: int) -> str:
    """A number of bytes in words."""
    return f"{count / 1e9:g} GB" if count >= 1e9 else f"{count / 1e6:g} MB"


@dataclass
class Outcome:
    """A pytest plugin that counts how the tests ended."""

    passed: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.passed += report.passed and report.when == "call"
        self.skipped += report.skipped
        if report.failed:
            self.failed.append(report.nodeid)

    def sentence(self, seconds: float) -> str:
        """What the page says."""
        machine = f"{platform.system()}, Python {platform.python_version()}, {os.cpu_count()} cores"
        failed = f"{len(self.failed)} not: {', '.join(self.failed)}" if self.failed else "none did otherwise"
        skipped = f"; {self.skipped} were skipped" if self.skipped else ""
        return (
            f"Last run of all of them: {datetime.date.today()}, {machine}, {seconds:.0f} s. "
            f"{self.passed} cases did what they must, {failed}{skipped}."
        )


def run() -> str:
    """Run all tests of faults, and return how they ended."""
    outcome, began = Outcome(), datetime.datetime.now()
    pytest.main(["-n", "0", "-q", "-m", "fault", "-p", "no:cacheprovider", str(ROOT / "tests")], plugins=[outcome])
    return outcome.sentence((datetime.datetime.now() - began).total_seconds())


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true", help="run the tests as well, and say how they ended")
    tables = {"faults": fault_table(), "bounds": bound_table()}
    if parser.parse_args().run:
        tables["outcome"] = run()
    PAGE.write_text(filled(PAGE.read_text("utf-8"), tables), "utf-8")


if __name__ == "__main__":
    main()
