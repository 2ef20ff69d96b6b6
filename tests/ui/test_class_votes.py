"""What a class votes on, as phones are sent it."""

import dataclasses

import pytest

from ui.lesson import class_votes
from vicreg.lessons import bundled, read
from vicreg.lessons.lesson import Link


@pytest.mark.parametrize(
    ("page", "state", "link"),
    [
        ("start", {}, "./"),
        ("start", {"run": "cifar10/vicreg"}, "./?run=cifar10/vicreg"),
        ("maps", {"map": "PCA"}, "maps?map=PCA"),
    ],
)
def test_the_link_to_the_answers_picture_is_an_address_of_the_app(page, state, link, monkeypatch):
    asked = []
    monkeypatch.setattr(class_votes, "ask", lambda room, question, options: asked.append(question))
    lesson = read(bundled()["20-minutes"].read_bytes(), name="20-minutes")
    class_votes.class_vote(None, lesson, dataclasses.replace(lesson.steps[0], link=Link(page, "See it", state)))
    assert [question.link for question in asked] == [link]
