"""Small networks, additive labels, noise, and what a rule sees of a block: what several tests share."""

import torch
from torch import Tensor, nn

from convff import RULES, Block, ImageData, LayerLocalNet, Layout, OneProcess, Seen, cnn3, cnn6, keyed_generator
from labels import (
    ChannelLabels,
    FourierLabels,
    LabelGenerator,
    LayerwiseLabels,
    LearnedLabels,
    OneHotLabels,
)

SIZE = (8, 8)
ADDITIVE: dict[str, LabelGenerator] = {
    "onehot": OneHotLabels(5),
    "fourier": FourierLabels(5, SIZE),
    "channel": ChannelLabels(5, SIZE),
    "channel-fourier": ChannelLabels(5, SIZE, planes="fourier"),
    "layerwise": LayerwiseLabels(5, SIZE),
    "learned": LearnedLabels(5, SIZE),
}


ON_ANY_NETWORK = {name: rule for name, rule in RULES.items() if name != "recurrent"}  # which trains networks of its own


class Two(OneProcess):
    """One process that says that there are two."""

    size = 2


def noise(count: int = 12, *, classes: int = 5, channels: int = 3) -> ImageData:
    images = torch.randint(256, (count, channels, *SIZE), generator=keyed_generator(0, "images")).byte()
    return ImageData(images, torch.arange(count) % classes, tuple("abcde"[:classes]), "noise")


def passes(images: int, count: int) -> Layout:
    """The layout of some passes of each image, of classes that no rule looks at: the first pass is the right one."""
    return Layout(torch.zeros(images, dtype=torch.int64), passes=count)


@torch.no_grad()
def seen_of(block: Block, h: Tensor, layout: Layout) -> Seen:
    """What a rule sees of a block for raw input `[N, ...]`."""
    x = block.normalised(h)
    return Seen(block, x, block.activity(x), layout)


def relative_error(got: Tensor, expected: Tensor) -> float:
    """The length of the difference, against the length of what is expected."""
    return ((got - expected).norm() / expected.norm()).item()


def network(model: str, labels: LabelGenerator) -> LayerLocalNet:
    torch.manual_seed(0)
    shape = (labels.channels(3), *SIZE)
    repeated = getattr(labels, "repeated_channels", 0)
    if model == "cnn3":
        return cnn3(shape, width=6, kernel=3, stride=2, label_channels=repeated)
    net = cnn6(shape, widths=(6, 6, 6), pool_after=(1,), label_channels=repeated)
    for block in net:  # statistics as after a training, far from 0 and 1
        nn.init.uniform_(block.norm.running_mean, -0.5, 0.5)
        nn.init.uniform_(block.norm.running_var, 0.2, 2.0)
    return net
