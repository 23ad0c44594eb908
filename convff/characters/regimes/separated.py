"""Generated text, in a step of its own: the network learns from the text, and then generates."""

from collections.abc import Iterator

from convff.characters.lesson import Directions, Lesson
from convff.characters.passes import learn_from_generated, learn_from_text


def separated(lesson: Lesson) -> Iterator[Directions]:
    """Yield the direction of the text; then, with the weights after that step, of what the network generates.

    Each step takes half of the rate (our choice), so that an update moves the hidden layers as far as in the other
    regimes: the length of an orthogonalised step is its rate, whatever the direction.

    Reference:
        Hinton 2022, figure 5: "first updated using only the positive gradients ... Negative sequences are then
        generated from the new model and the negative gradients are used to update the weights again".
    """
    awake = Directions(share=0.5)
    for at in lesson.chunks():
        learn_from_text(lesson, awake, at)
    yield awake
    asleep = Directions(share=0.5)
    learn_from_generated(lesson, asleep)
    yield asleep
