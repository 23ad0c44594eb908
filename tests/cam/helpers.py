"""Networks, models and images that the tests of several maps share."""

import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from cam import GoodnessModel, GroupModel, HeadModel, ReadoutModel
from convff import LayerLocalNet, LinearReadout, cnn3, cnn6
from labels import ChannelLabels, FourierLabels, LabelGenerator, MorphLabels, NoLabels

CLASSES = 4
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def shaken(net: LayerLocalNet) -> LayerLocalNet:
    """The network with statistics and biases that are not those of a new one."""
    generator = torch.Generator().manual_seed(7)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(0.2 * torch.rand(module.num_features, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
        if isinstance(module, nn.Conv2d):
            module.bias.data.copy_(0.1 * torch.rand(module.out_channels, generator=generator))
    return net


def network(name: str, channels: int) -> LayerLocalNet:
    torch.manual_seed(0)
    if name == "cnn3":
        return shaken(cnn3((channels, 14, 14), width=5, kernel=3, stride=2))
    return shaken(cnn6((channels, 14, 14), widths=(4, 6, 5, 7), pool_after=(1, 2)))


def grouped_network(name: str) -> LayerLocalNet:
    """A network whose every block has channels for groups, more or fewer of them by block in cnn6."""
    torch.manual_seed(0)
    if name == "cnn3":
        return shaken(cnn3((1, 14, 14), width=2 * CLASSES, kernel=3, stride=2))
    return shaken(cnn6((1, 14, 14), widths=(CLASSES, 3 * CLASSES, 2 * CLASSES, CLASSES), pool_after=(1, 2)))


def label_family(name: str) -> LabelGenerator:
    return {
        "fourier": FourierLabels(CLASSES, (14, 14)),
        "morph": MorphLabels(CLASSES),
        "channel": ChannelLabels(CLASSES, (14, 14)),
    }[name]


def images(dtype: torch.dtype = torch.float32, count: int = 3) -> Tensor:
    return torch.rand(count, 1, 14, 14, generator=torch.Generator().manual_seed(1)).to(dtype)


def readout_model(
    net: str = "cnn6",
    labels: str = "fourier",
    *,
    grid: int | None = 4,
    first: int = 1,
    dtype: torch.dtype = torch.float32,
) -> ReadoutModel:
    family = label_family(labels)
    readout = LinearReadout(network(net, family.channels(1)), family, (1, 14, 14), first=first, grid=grid)
    nn.init.normal_(readout.linear.weight, generator=torch.Generator().manual_seed(2))
    nn.init.normal_(readout.linear.bias, generator=torch.Generator().manual_seed(3))
    return ReadoutModel(readout).to(dtype)


def positive_head() -> nn.Linear:
    """A head whose every weight speaks for its class, so that no map is without evidence."""
    head = nn.Linear(7, CLASSES)
    nn.init.uniform_(head.weight, 0.1, 1.0, generator=torch.Generator().manual_seed(4))
    return head


def goodness_model() -> GoodnessModel:
    return GoodnessModel(network("cnn6", 1), label_family("fourier"))


def group_model(net: str = "cnn6", dtype: torch.dtype = torch.float32) -> GroupModel:
    return GroupModel(grouped_network(net), NoLabels(CLASSES)).to(dtype)


def head_model() -> HeadModel:
    return HeadModel(network("cnn6", 1), positive_head(), label_family("fourier"))


def every_class(count: int = 3) -> list[tuple[int, list[ClassifierOutputTarget]]]:
    return [(k, [ClassifierOutputTarget(k)] * count) for k in range(CLASSES)]


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in model.modules())
