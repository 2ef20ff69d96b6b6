"""Presenter mode: one exhibit a screen, large, for a lecture hall. In the URL as `present=1`; Alt+P or Escape leaves it.

Right, Left, Page Down and Page Up (as clickers send them) go through the screens of a page and on to the next page. A
screen is an exhibit with its heading: a chart, a map, a drawing, or rows of pictures. Those whose keys differ only in an
ending, such as `points_0` and `points_1` or `film` and `film_second`, are compared, so they share a screen.

A page with steps of its own, such as the lesson, is shown whole. It has buttons with the keys `next` and `back` (and
`begin`, before the first step), which the keys press. Their shortcuts, if they have any, must be Right and Left.
"""

from ui.presenter.mode import SCALE, begin, finish, is_on

__all__ = ["SCALE", "begin", "finish", "is_on"]
