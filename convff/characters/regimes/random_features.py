"""Fixed random features: only the softmax learns."""

from collections.abc import Iterator

from convff.characters.lesson import Directions, Lesson
from convff.characters.passes import learn_softmax
from convff.characters.windows import windows_of


def random_features(lesson: Lesson) -> Iterator[Directions]:
    """Yield the direction of the softmax; hidden layers rest, so what they do is computed once.

    Reference:
        Hinton 2022, figure 5: "the top learning curve uses fixed random weights".
    """
    directions = Directions()
    for at in lesson.chunks():
        strings = lesson.strings[at]
        if at.start not in lesson.memory:
            windows = windows_of(strings, lesson.net.window).flatten(0, 1)
            lesson.memory[at.start] = lesson.net.read(lesson.net.see(windows))
        learn_softmax(lesson, directions, strings, lesson.memory[at.start])
    yield directions
