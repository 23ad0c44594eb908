"""The page of `convff demo`: a network that ships with the package at work on digits that do."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from convff import Classifier, pretrained, pretrained_about, shipped_digits, write_atomically
from experiments.reports.labels_seen import label_tiles
from experiments.reports.pictures import of_map, of_planes
from experiments.reports.surest import Tile
from experiments.reports.writing import as_html
from experiments.run.predictions import best_first

NAME = "mnist-fourier"


@dataclass(frozen=True)
class Score:
    """The score of an image with one label.

    Args:
        name: of the class.
        value: in words.
        share: where it lies between the lowest and the highest score of the image.
    """

    name: str
    value: str
    share: float


@dataclass(frozen=True)
class Digit:
    """A digit and what the network says.

    Args:
        right: its class.
        given: the answer.
        rival: the class with the next highest score.
        image: the picture.
        map: what speaks for the answer rather than for the rival.
        scores: of all labels.
    """

    right: str
    given: str
    rival: str
    image: Tile
    map: Tile
    scores: tuple[Score, ...]

    @property
    def correct(self) -> bool:
        """Whether the answer is right."""
        return self.given == self.right


@dataclass(frozen=True)
class Demo:
    """All that the page shows.

    Args:
        labelled: the first digit under every label.
        digits: all digits.
        command: the command that made the network.
        accuracy: its accuracy on test images, in per cent.
        images: what it was judged by.
    """

    labelled: tuple[Tile, ...]
    digits: tuple[Digit, ...]
    command: str
    accuracy: str
    images: str

    @property
    def right(self) -> int:
        """The number of right answers."""
        return sum(digit.correct for digit in self.digits)


def demo_of(model: Classifier, images: Tensor, classes: Tensor) -> Demo:
    """Return what the page shows.

    Args:
        model: the network.
        images: uint8 `[N, 1, H, W]`.
        classes: int64 `[N]`, their classes.
    """
    scores = model.scores(images)
    given, rivals = best_first(scores, 2)[1].unbind(dim=1)
    maps = model.maps(images, given.tolist(), against=rivals.tolist()).summed()
    names = model.class_names
    digits = []
    for place, image in enumerate(images):
        right, answer, rival = (names[each[place]] for each in (classes, given, rivals))
        picture = Tile(of_planes(image.numpy()), f"a handwritten {right}", "the image")
        digits.append(
            Digit(
                right, answer, rival, picture, _map_tile(image, maps[place], answer, rival), _bars(scores[place], names)
            )
        )
    labelled, _ = label_tiles(model.run.labels, names, images[0].numpy(), apart=False)  # type: ignore[arg-type]
    about = pretrained_about(NAME)
    return Demo(
        labelled=tuple(labelled),
        digits=tuple(digits),
        command=about["command"],
        accuracy=f"{100 * about['accuracy']['goodness']:.2f}",
        images=f"{int(about['judged_on'].split()[0]):,} test images",
    )


def write_demo(path: Path) -> Demo:
    """Write the page of the digits and the network that ship with the package, atomically; return what it shows."""
    images, classes = shipped_digits()
    demo = demo_of(pretrained(NAME), images, classes)
    write_atomically(path, as_html("demo.html", demo=demo).encode())
    return demo


def _bars(scores: Tensor, names: tuple[str, ...]) -> tuple[Score, ...]:
    low, high = (float(each) for each in scores.aminmax())
    span = max(high - low, 1e-9)
    return tuple(
        Score(name, f"{value:.3f}", (value - low) / span) for name, value in zip(names, scores.tolist(), strict=True)
    )


def _map_tile(image: Tensor, signed: Tensor, given: str, rival: str) -> Tile:
    from experiments.maps.drawing import largest

    drawn = of_map(image.numpy(), signed.numpy(), largest([signed]))
    words = f"map: what speaks for {given} rather than {rival}"
    return Tile(drawn, words, f"{given} rather than {rival}: {float(signed.sum()):+.3f}")
