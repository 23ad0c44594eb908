"""Networks, models and images that the tests of several maps share."""

from dataclasses import dataclass
from typing import Any

import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from cam import (
    BlockCAM,
    BlockModel,
    GainCAM,
    GainModel,
    GoodnessCAM,
    GoodnessModel,
    GroupCAM,
    GroupModel,
    HeadModel,
    LocalHeadCAM,
    LocalHeadModel,
    ReadoutModel,
    ShareCAM,
    ShareModel,
    StreamCAM,
    StreamModel,
)
from convff import (
    AtBlocks,
    AtGains,
    AtImage,
    AtOutput,
    AtStream,
    ForwardForward,
    LayerLocalNet,
    LinearReadout,
    LocalHead,
    block_goodness,
    block_scores,
    cnn3,
    cnn6,
    keyed_generator,
    mlp,
)
from labels import ChannelLabels, FourierLabels, LabelGenerator, MorphLabels, NoLabels, StreamLabels

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
    """A network whose every block has channels for groups, more or fewer of them by block in cnn6 and mlp."""
    torch.manual_seed(0)
    if name == "mlp":
        return mlp((1, 14, 14), widths=(2 * CLASSES, 3 * CLASSES, CLASSES))
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


def group_model(net: str = "cnn6", dtype: torch.dtype = torch.float32) -> GroupModel:
    return GroupModel(grouped_network(net), NoLabels(CLASSES)).to(dtype)


@dataclass(frozen=True, eq=False)
class Judged:
    """A model whose scores are sums over positions, with the rule and all else that the package judges by."""

    model: ShareModel
    labels: Any
    rule: Any
    beside: nn.ModuleList | None
    cam: type[ShareCAM]

    def by_block(self, x: Tensor) -> Tensor:
        """The scores of the blocks that count, as the package has them: `[blocks, B, K]`."""
        if self.cam is GoodnessCAM:
            found = block_goodness(self.model.net, x, self.labels, goodness=self.rule.goodness)
        else:
            found = block_scores(self.model.net, x, self.labels, self.rule, self.beside)
        return found[self.model.first :]

    def explain(self) -> ShareCAM:
        """The maps of all layers that count."""
        return self.cam(self.model, self.model.layers)


KINDS = {
    "goodness": GoodnessCAM,
    "groups": GroupCAM,
    "blocks": BlockCAM,
    "gains": GainCAM,
    "stream": StreamCAM,
    "local_heads": LocalHeadCAM,
}


def judged(
    kind: str,
    net: str = "cnn6",
    *,
    first: int = 1,
    dtype: torch.dtype = torch.float32,
    reduction: str = "mean",
    regions: int = 4,
) -> Judged:
    """A model of a kind, with drawn values of what learns beside the blocks; `regions` are those of local heads."""
    made = grouped_network(net)
    family = label_family("fourier")
    labels = {"goodness": family, "stream": StreamLabels(family)}.get(kind, NoLabels(CLASSES))
    place = {
        "goodness": AtImage(),
        "groups": AtOutput(CLASSES),
        "blocks": AtBlocks(num_classes=CLASSES),
        "gains": AtGains(num_classes=CLASSES),
        "stream": AtStream(num_classes=CLASSES),
    }.get(kind)
    if place is None:
        rule = LocalHead(num_classes=CLASSES, regions=regions)
    else:
        rule = ForwardForward(label_at=place, reduction=reduction)
    found = [rule.beside(block, keyed_generator(0, "beside", i)) for i, block in enumerate(made)]
    beside = None if None in found else nn.ModuleList(found).to(dtype)
    if kind == "local_heads":  # which start at zero
        for i, parameter in enumerate(beside.parameters()):
            nn.init.normal_(parameter, generator=keyed_generator(0, "heads", i))
    if kind == "gains":  # so that no map is without evidence
        for module in beside:
            module.gains.data.abs_()
    made = made.to(dtype)
    options = {"first": first} | ({} if place is None else {"contribution": rule.contribution})
    model = {
        "goodness": lambda: GoodnessModel(made, labels, **options),
        "groups": lambda: GroupModel(made, labels, **options),
        "blocks": lambda: BlockModel(made, labels, [module.centred() for module in beside], **options),
        "gains": lambda: GainModel(made, labels, [module.gains for module in beside], **options),
        "stream": lambda: StreamModel(made, labels, (1, 14, 14), **options),
        "local_heads": lambda: LocalHeadModel(made, labels, beside, **options),
    }[kind]()
    return Judged(model, labels, rule, beside, KINDS[kind])


def head_model() -> HeadModel:
    return HeadModel(network("cnn6", 1), positive_head(), label_family("fourier"))


def every_class(count: int = 3) -> list[tuple[int, list[ClassifierOutputTarget]]]:
    return [(k, [ClassifierOutputTarget(k)] * count) for k in range(CLASSES)]


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in model.modules())
