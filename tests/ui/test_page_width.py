"""The width that a browser tells is not trusted."""

import pytest

from ui.components.page_width import sound


@pytest.mark.parametrize(
    ("told", "width"),
    [
        (820, 820),
        ("820", 820),
        (99, None),
        ("10001", None),
        ("9" * 5000, None),
        ("-820", None),
        ("8²", None),
        (None, None),
    ],
)
def test_only_what_can_be_a_width_is_one(told, width):
    assert sound(told) == width
