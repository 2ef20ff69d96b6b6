"""Lesson files: what is accepted, and that every error names the file and the line."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from vicreg.lessons import PAGES, PICTURES, LessonError, bundled, read, runs_by_title
from vicreg.lessons.line_numbers import line_of
from vicreg.lessons.reading import MAX_BYTES
from vicreg.runs.folder import open_run

ROOT = Path(__file__).parents[2]
GOOD = """title = "One question"
summary = "Short."

[[step]]
key = "one"
minutes = 2
question = "Which probe is higher?"
because = \"\"\"
It reads
{probe} %.
\"\"\"
misconception = "None."
picture = { name = "probes", runs = ["coloured-digits/vicreg"] }
link = { page = "probe", says = "The page Probe", state = { run = "coloured-digits/vicreg" } }

[[step.choice]]
says = "This"
because = "Yes."
right = true

[[step.choice]]
says = "That"
because = "No."

[step.figures]
probe = { run = "coloured-digits/vicreg", path = "probe.accuracy", decimals = 1 }
"""


@pytest.fixture(scope="module")
def runs():
    return runs_by_title()


def test_a_lesson_is_read_with_its_right_choice_and_its_text_on_one_line(runs):
    (step,) = read(GOOD.encode(), name="mine.toml", runs=runs).steps
    assert (step.answer, step.because, step.choices[1].says) == (0, "It reads {probe} %.", "That")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('title = "One question"', 'title = "One question', 1, "not valid TOML"),
        ('summary = "Short."', "summary = 3", 2, "summary must be text, got 3"),
        ('key = "one"', 'key = "One"', 5, "key must be"),
        ("minutes = 2", "minutes = 0", 6, "minutes must be a whole number from 1 to 60"),
        ("minutes = 2", "minuets = 2", 6, "has no key 'minuets'"),
        ("minutes = 2\n", "", 4, "needs 'minutes'"),
        ("{probe} %", "{prob} %", 8, "names the figure 'prob'; the step defines probe"),
        ("It reads", "It [reads](https://x.org)", 8, "plain text"),
        ('name = "probes"', 'name = "problems"', 13, "picture needs a name, one of"),
        ('runs = ["coloured-digits/vicreg"]', 'runs = ["coloured-digits/vic"]', 13, "there is no run"),
        ('page = "probe"', 'page = "prob"', 14, "page must be one of start, lab"),
        ("state = { run =", "state = { ran =", 14, "has no key 'ran'"),
        ("right = true", "right = false", 19, "right must be true"),
        ('because = "No."', 'because = "No."\nright = true', 24, "exactly one choice must have right = true, got 2"),
        ('[[step.choice]]\nsays = "That"\nbecause = "No."\n', "", 16, "must be a list of 2 to 5"),
        ("probe.accuracy", "probe.acuracy", 26, "below probe there is accuracy"),
        ("probe.accuracy", "probe", 26, "is not a number"),
    ],
)
def test_an_error_names_the_file_the_line_and_what_is_wrong(old, new, line, words, runs):
    assert old in GOOD
    with pytest.raises(LessonError) as caught:
        read(GOOD.replace(old, new, 1).encode(), name="mine.toml", runs=runs)
    assert str(caught.value).startswith(f"mine.toml, line {line}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"#" * (MAX_BYTES + 1), "at most"), (b"a = '\xff'", "not UTF-8"), (b"a = " + b"[" * 20_000, "nested too deeply")],
)
def test_bytes_from_strangers_are_bounded(content, words):
    with pytest.raises(LessonError, match=words):
        read(content, name="mine.toml", runs={})


def test_the_line_of_a_value_is_found_after_comments_and_texts_that_look_like_keys():
    text = 'a = """\nb = 1\n"""\n\n# b = 2\nb = [\n  1,\n  2,\n]\n'
    assert [line_of(text, path) for path in ((), ("a",), ("b",), ("b", 1))] == [1, 1, 6, 6]


def test_a_step_that_is_there_twice_is_named_by_its_line(runs):
    text = bundled()["20-minutes"].read_text("utf-8")
    first = text[text.index("[[step]]") : text.index("[[step]]", text.index("[[step]]") + 1)]
    line = text.count("\n") + 2  # the key stands below the header
    with pytest.raises(LessonError, match=f"line {line}: the key 'collapse' is used by an earlier step"):
        read((text + first).encode(), runs=runs)


def test_what_a_file_can_name_is_what_the_app_has():
    import ui
    from ui.lesson.pictures import DRAWN

    assert list(DRAWN) == list(PICTURES)
    assert set(PAGES) <= {name for entries in ui.PAGES.values() for name, *_ in entries}
    shared = "".join(file.read_text("utf-8") for file in (ROOT / "ui").glob("*.py"))
    for page, keys in PAGES.items():
        own = (ROOT / "pages" / f"{page}.py").read_text("utf-8")
        source = (ROOT / "ui/lab/address.js").read_text("utf-8") if page == "lab" else shared + own
        assert not [key for key in keys if not re.search(rf"\b{key}\b", source)], page


@pytest.mark.fault("a lesson file that is made to be slow to read", "it is refused in a sentence with its line")
def test_a_dotted_key_and_a_long_value_are_refused_without_much_work(runs, monkeypatch):
    with pytest.raises(LessonError, match=r"mine\.toml, line 2: a line has at most 500 dots"):
        read(("\n" + "a." * 31_000 + "a = 1\n").encode(), name="mine.toml", runs=runs)
    parsed, loads = [], tomllib.loads
    monkeypatch.setattr(tomllib, "loads", lambda text: parsed.append(text) or loads(text))
    with pytest.raises(LessonError, match=r"mine\.toml, line \d+: step must be a list of 1 to 40"):
        read(('title = 5\nsummary = "x"\nstep = [' + "\n" * 60_000 + "]\n").encode(), name="mine.toml", runs=runs)
    assert len(parsed) < 2_000


def test_a_run_with_damaged_figures_is_named(runs, tmp_path):
    shutil.copytree(runs["coloured-digits/no-variance"].folder, tmp_path / "mine")
    (tmp_path / "mine" / "metrics.json").write_text("{}")
    text = GOOD.replace('runs = ["coloured-digits/vicreg"]', 'runs = ["coloured-digits/vicreg", "mine"]')
    with pytest.raises(LessonError, match=r"mine\.toml, line \d+: mine/metrics\.json"):
        read(text.encode(), name="mine.toml", runs={**runs, "mine": open_run(tmp_path / "mine")})
