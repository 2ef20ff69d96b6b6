"""The worksheet keeps the answers to itself; the key has them; both need no network."""

import re

import pytest

from vicreg.cli.main import main
from vicreg.lessons import answer_key, bundled, read, runs_by_title, worksheet

RUNS = runs_by_title()
LESSON = read(bundled()["20-minutes"], runs=RUNS)


def test_a_worksheet_has_every_question_and_choice_and_no_answer():
    html = worksheet(LESSON, RUNS)
    assert html.count("class='box'") == sum(len(step.choices) for step in LESSON.steps)
    assert html.count("class='line'") == 4 * len(LESSON.steps)
    for step in LESSON.steps:
        assert step.misconception not in html
        assert not [choice for choice in step.choices if choice.because in html]


def test_a_key_has_every_answer_with_its_reason_and_notes():
    html = answer_key(LESSON, RUNS)
    for step in LESSON.steps:
        assert f"<p class='answer'>{'ABCD'[step.answer]}. " in html
        assert step.misconception in html
    assert html.count("class='notes'") == len(LESSON.steps)
    assert "{" not in html.split("</style>")[1]


def test_a_key_fills_in_the_figures_of_a_misconception():
    step = LESSON.steps[0]
    name = step.figures[0].name
    text = LESSON.text.replace(step.misconception, f"It is {{{name}}}.", 1)
    assert text != LESSON.text
    assert re.search(r"Misconception: It is [\d.,]+\.", answer_key(read(text.encode(), runs=RUNS), RUNS))


@pytest.mark.parametrize("make", [worksheet, answer_key])
def test_a_sheet_asks_nothing_of_the_network_and_shows_signs_as_text(make):
    text = LESSON.text.replace(f'title = "{LESSON.title}', 'title = "Q & A')
    html = make(read(text.encode(), runs=RUNS), RUNS)
    assert not [word for word in ("http", "src=", "@import", "<script", "url(") if word in html]
    assert "Q &amp; A" in html
    assert "<em>z</em>" in html


def test_the_command_checks_a_file_and_writes_both_sheets(tmp_path, capsys):
    sheet, key = tmp_path / "sheet.html", tmp_path / "key.html"
    assert main(["lesson", "20-minutes", "--worksheet", str(sheet), "--key", str(key)]) == 0
    assert sheet.read_text("utf-8") == worksheet(LESSON, RUNS)
    assert key.read_text("utf-8") == answer_key(LESSON, RUNS)
    broken = tmp_path / "mine.toml"
    broken.write_text('title = "x', encoding="utf-8")
    assert main(["lesson", str(broken)]) == 1
    assert "mine.toml, line 1: this is not valid TOML" in capsys.readouterr().err
