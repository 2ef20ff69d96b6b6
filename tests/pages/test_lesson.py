"""The page Lesson: a guess is locked in before the answer, and other pages fold theirs while a lesson is on."""

import pytest
from opened import opened, text

from vicreg.lessons import bundled, read

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


@pytest.mark.parametrize("number", range(1, len(LESSON.steps) + 1))
def test_every_step_reveals_without_a_warning_and_leaves_no_figure_open(number):
    app = guess(at(number), 0)
    assert not app.warning
    assert "{" not in text(app).replace("{textsf", "")
    for chart in app.get("vega_lite_chart"):
        assert chart.proto.alt


def test_a_page_folds_its_answer_while_the_lesson_is_on():
    app = at(3)
    app.switch_page("pages/clusters.py").run()
    assert app.title[0].value == "Do tight clusters mean classes?"
    assert [fold.label for fold in app.expander][:1] != []
    folded = next(fold for fold in app.expander if fold.label == "The answer")
    assert "silhouette" in folded.markdown[0].value
    app.button(key="leave_elsewhere").click().run()
    assert "The answer" not in [fold.label for fold in app.expander]
