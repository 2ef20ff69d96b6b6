"""The page Lesson: a guess is locked in before the answer, and other pages fold theirs while a lesson is on."""

import pytest
import streamlit as st
from opened import ROOT, component, opened, text
from streamlit.testing.v1 import AppTest

from ui.lesson.kept_in_tab import take_back
from ui.lesson.notes_page import go_to
from vicreg.lessons import PICTURES, bundled, read

pytestmark = pytest.mark.usefixtures("page_world", "without_pictures")
LESSON = read(bundled()["20-minutes"])


def at(step: int | str):
    return opened("lesson", data=None, lesson="20-minutes", step=str(step))


def guess(app, choice: int):
    app.radio[0].set_value("ABCDE"[choice]).run()
    next(button for button in app.button if button.label == "Lock in my guess").click().run()
    assert not app.exception
    return app


def test_the_answer_appears_after_the_guess_and_the_guess_stays():
    app, step = at(1), LESSON.steps[0]
    wrong = (step.answer + 1) % len(step.choices)
    assert step.choices[step.answer].because not in text(app)
    assert step.choices[step.answer].because in text(guess(app, wrong))
    assert not app.radio
    app.button(key="next").click().run()
    app.button(key="back").click().run()
    assert not app.radio
    assert "your guess" in text(app)


def test_every_step_reveals_its_picture_without_a_warning_and_leaves_no_figure_open():
    lesson = read(bundled()["45-minutes"])  # it has every step of the shorter one
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.session_state["_lesson_guesses"] = {lesson.id: {step.key: 0 for step in lesson.steps}}
    app.query_params["lesson"], app.query_params["step"] = "45-minutes", "1"
    app.switch_page("pages/lesson.py").run()
    for step in lesson.steps:
        assert not app.exception, step.key
        assert not app.warning, step.key
        said = text(app)
        assert not [figure.name for figure in step.figures if f"{{{figure.name}}}" in said]
        assert all(chart.proto.alt for chart in app.get("vega_lite_chart"))
        assert app.get("vega_lite_chart") or app.get("bidi_component")
        app.button(key="next").click().run()
    right = sum(step.answer == 0 for step in lesson.steps)
    assert f"questions, **{right}** of them correctly" in text(app)


def test_a_title_that_answers_is_folded_while_the_lesson_is_on_and_every_page_leads_back():
    app = at(3)
    app.switch_page("pages/clusters.py").run()
    assert "The answer" not in [fold.label for fold in app.expander]  # its title asks
    assert "step 3" in app.get("page_link")[0].proto.label
    app.switch_page("pages/anomalies.py").run()
    assert app.title[0].value == "Can it tell when a picture is unlike those it was trained on?"
    folded = next(fold for fold in app.expander if fold.label == "The answer")
    assert "untrained" in folded.markdown[0].value
    reloaded = opened("anomalies", data=None, **{key: app.query_params[key] for key in ("lesson", "step")})
    assert "The answer" in [fold.label for fold in reloaded.expander]
    assert "step 3" in reloaded.get("page_link")[0].proto.label
    for page in (app, reloaded):
        page.button(key="leave_elsewhere").click().run()
        assert "The answer" not in [fold.label for fold in page.expander]
        assert "step" not in page.query_params


@pytest.mark.parametrize("query", [{"lesson": "none-such", "step": "3"}, {"lesson": "20-minutes", "step": "x"}])
def test_an_address_that_names_no_lesson_folds_nothing(query):
    assert "The answer" not in [fold.label for fold in opened("anomalies", data=None, **query).expander]


def test_an_own_file_is_checked_and_a_wrong_one_changes_nothing(monkeypatch, tmp_path):
    app = opened("lesson", data=None)
    app.session_state["lesson_lecturer"] = True
    text_of = LESSON.text.replace(LESSON.title, "My own")
    wrong = text_of.replace("minutes = 2", "minutes = 0", 1)
    app.run()
    app.file_uploader[0].upload("mine.toml", wrong.encode()).run()
    line = wrong.splitlines().index("minutes = 0") + 1
    assert f"mine.toml, line {line}: minutes must be" in app.error[0].value
    assert app.selectbox[0].options[app.selectbox[0].index].startswith(LESSON.title)
    app.file_uploader[0].upload("mine.toml", text_of.encode()).run()
    assert not app.exception
    assert "My own (20 minutes), from mine.toml" in app.selectbox[0].options
    # what a browser gives back to a new session, which may be anything
    for kept in (
        "[]",
        '{"guesses": {"a": {"b": "c"}}, "own": null}',
        '{"guesses": {}, "own": ["x", "title = 3"]}',
        "{",
    ):
        take_back(kept)


def test_the_lesson_of_the_server_comes_first_and_its_error_is_told(monkeypatch, tmp_path):
    file = tmp_path / "ours.toml"
    file.write_text(LESSON.text.replace(LESSON.title, "Ours"), encoding="utf-8")
    monkeypatch.setenv("VICREG_LESSON", str(file))
    assert opened("lesson", data=None).selectbox[0].options[0].startswith("Ours")
    file.write_text("title = 3", encoding="utf-8")
    app = opened("lesson", data=None)
    assert "ours.toml, line 1: the file needs 'summary'" in app.error[0].value
    app.selectbox[0].set_value("20-minutes").run()
    assert not app.error


def test_the_speakers_window_shows_the_notes_of_a_step_and_ignores_places_that_do_not_exist():
    app, step = opened("lesson", data=None, lesson="20-minutes", step="2", notes="1"), LESSON.steps[1]
    assert not app.radio
    said = text(app)
    assert step.misconception in said
    assert LESSON.steps[2].question.split("{")[0] in said
    st.query_params.clear()
    for told in ("20-minutes/x", "../../etc/3", "none-such/3", None, "20-minutes/1\n"):
        go_to(told)
    assert not st.query_params
    go_to("20-minutes/3")
    assert dict(st.query_params) == {"lesson": "20-minutes", "step": "3"}
    st.query_params.clear()


def figures_of_a_run_that_is_gone() -> None:
    """A page with two figures: of a run that is here, and of one that was removed since the lesson was read."""
    from dataclasses import replace

    from ui.lesson import charts_of_runs
    from vicreg.lessons import Figure, bundled, read

    step = read(bundled()["20-minutes"]).steps[0]
    known = [Figure(run[:4], f"coloured-digits/{run}", "probe.accuracy", f"of {run}") for run in ("vicreg", "gone")]
    charts_of_runs.figures(replace(step, figures=tuple(known)), [], 600)


def test_a_figure_of_a_run_that_was_removed_meanwhile_is_named_and_the_others_are_drawn():
    app = AppTest.from_function(figures_of_a_run_that_is_gone).run()
    assert not app.exception
    drawn = component(app, "lesson_figures")["svg"]
    assert "of vicreg" in drawn
    assert "gone" not in drawn
    assert app.info[0].value == "No longer on this machine: of gone of `coloured-digits/gone`."


STEP = """
[[step]]
key = "k{number}"
minutes = 1
question = "Q?"
because = "B."
misconception = "M."
picture = {picture}
link = {{ page = "probe", says = "P" }}
choice = [{{ says = "x", because = "y", right = true }}, {{ says = "z", because = "y" }}]
figures.f = {{ run = "coloured-digits/vicreg", path = "probe.accuracy", label = "probe, %" }}
"""


def test_pictures_that_no_bundled_lesson_shows_are_drawn_too(monkeypatch, tmp_path):
    used = {step.picture.name for name in bundled() for step in read(bundled()[name]).steps}
    spare = [
        '{ name = "lab" }',
        '{ name = "figures" }',
        '{ name = "curves", runs = ["coloured-digits/vicreg"] }',
        '{ name = "roc", runs = ["cifar10/vicreg"] }',
        '{ name = "map", runs = ["coloured-digits/vicreg", "coloured-digits/no-variance"], map = "PCA" }',
    ]
    assert used | {picture.split('"')[1] for picture in spare} == set(PICTURES)
    file = tmp_path / "spare.toml"
    steps = "".join(STEP.format(number=i, picture=picture) for i, picture in enumerate(spare))
    file.write_text(f'title = "T"\nsummary = "S"\n{steps}', encoding="utf-8")
    monkeypatch.setenv("VICREG_LESSON", str(file))
    lesson = read(file)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.session_state["_lesson_guesses"] = {lesson.id: {step.key: 0 for step in lesson.steps}}
    app.query_params["step"] = "1"
    app.switch_page("pages/lesson.py").run()
    for step in lesson.steps:
        assert not app.exception, step.picture
        assert not app.warning
        drawn = [one.proto.id for one in app.get("bidi_component")]
        drawn += [chart.proto.alt for chart in app.get("vega_lite_chart")]
        mark = {"curves": "The loss of coloured-digits/vicreg", "roc": "ROC: cifar10/vicreg"}
        wanted = mark.get(step.picture.name, f"lesson_{step.picture.name}")
        assert [one for one in drawn if wanted in one], step.picture
        app.button(key="next").click().run()
