"""The tables of docs/reliability.md are those that its script would write, and every link in it leads to a test."""

import re

from docs.reliability import PAGE, ROOT, bound_table, fault_table, faults, filled


def test_the_page_lists_every_marked_test_and_every_bound():
    text = PAGE.read_text("utf-8")
    assert len(faults()) > 50
    assert text == filled(text, {"faults": fault_table(), "bounds": bound_table()}), "run python -m docs.reliability"


def test_the_places_that_it_names_exist():
    text = PAGE.read_text("utf-8")
    for place in {*re.findall(r"\| `([\w./]+)` \|$", text, re.MULTILINE), *re.findall(r"\(\.\./(tests/\S+)", text)}:
        assert (ROOT / place).is_file(), place
