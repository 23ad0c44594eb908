"""Teacher forcing: a negative is a real window whose last character is a prediction from the one before."""

from collections.abc import Iterator

from convff.characters.lesson import Directions, Lesson
from convff.characters.passes import learn_from_text, learn_from_windows, note_same
from convff.characters.rollout import draw_next
from convff.characters.windows import targets_of, windows_of, with_last


def teacher(lesson: Lesson) -> Iterator[Directions]:
    """Yield the directions of real windows and of their negatives, which differ in the last character at most.

    The prediction is already there: it is that of the real window before. It is drawn, and may be the real character:
    at the optimum both kinds of windows are alike, and p is a half (our reconstruction).

    Reference:
        Hinton 2022, section 4.1: "strings in which the last character has been replaced by a prediction from the
        previous 10 characters ... a form of teacher forcing".
    """
    directions = Directions()
    uniforms = lesson.uniforms("teacher forcing")
    for at in lesson.chunks():
        found = learn_from_text(lesson, directions, at).flatten(0, 1)
        drawn = draw_next(found, uniforms[at].flatten(), lesson.temperature).view_as(uniforms[at])
        strings, window = lesson.strings[at], lesson.net.window
        negatives = with_last(windows_of(strings, window)[:, 1:], drawn)
        learn_from_windows(lesson, directions, negatives.flatten(0, 1))
        note_same(lesson.notes, drawn, targets_of(strings, window))
    yield directions
