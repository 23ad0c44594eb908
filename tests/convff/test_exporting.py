"""Scores as a module and as a graph are those of the classifier, for any number of images."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import convff
from convff import (
    AtBeside,
    AtBlocks,
    AtGains,
    AtOutput,
    AtStream,
    Backpropagation,
    Classifier,
    ForwardForward,
    LayerLocalNet,
    LinearReadout,
    LocalHead,
    RecurrentForwardForward,
    cnn3,
    exported,
    keyed_generator,
    mlp,
    recurrent_local,
)
from convff.exporting import LEAST_TORCH, can_export
from convff.labelling import every_label
from labels import (
    ChannelLabels,
    EchoLabels,
    FourierLabels,
    LayerwiseLabels,
    LearnedLabels,
    MorphLabels,
    NoLabels,
    OneHotLabels,
    StreamLabels,
)

SHAPE, NAMES = (1, 8, 8), ("cat", "dog", "eel")
FAMILIES: dict[str, Callable[[], Any]] = {
    "onehot": lambda: OneHotLabels(3),
    "fourier": lambda: FourierLabels(3, (8, 8)),
    "morph": lambda: MorphLabels(3),
    "echo": lambda: EchoLabels(3),
    "channel": lambda: ChannelLabels(3, (8, 8)),
    "layerwise": lambda: LayerwiseLabels(3, (8, 8)),
    "learned": lambda: LearnedLabels(3, (8, 8)),
}


def of(rule: Any, labels: Any = None, net: LayerLocalNet | None = None, **more: Any) -> Classifier:
    torch.manual_seed(0)
    labels = labels or NoLabels(3)
    beside = getattr(labels, "repeated_channels", 0)
    net = net or cnn3((labels.channels(1), 8, 8), width=6, kernel=3, label_channels=beside)
    modules: dict[str, nn.Module] = dict(convff.start(rule, convff.Setup(net=net, labels=labels)).modules)
    modules["readout"] = LinearReadout(net, labels, SHAPE, grid=2)
    for parameter in nn.ModuleDict(modules).parameters():
        nn.init.normal_(parameter)
    return Classifier(net, labels, rule, class_names=NAMES, image_shape=SHAPE, modules=modules, **more)


CASES: dict[str, Callable[[], Classifier]] = {
    **{name: (lambda make=make: of(ForwardForward(), make())) for name, make in FAMILIES.items()},
    "candidates": lambda: of(ForwardForward(reduction="minus_sum"), FourierLabels(3, (8, 8)), candidates=2),
    "dense": lambda: of(ForwardForward(), OneHotLabels(3), mlp(SHAPE, widths=(9, 6))),
    "output": lambda: of(ForwardForward(label_at=AtOutput(3, regions=2))),
    "blocks": lambda: of(ForwardForward(label_at=AtBlocks(num_classes=3))),
    "exact": lambda: of(ForwardForward(label_at=AtBlocks(num_classes=3, exact=True))),
    "gains": lambda: of(ForwardForward(label_at=AtGains(num_classes=3))),
    "beside": lambda: of(ForwardForward(label_at=AtBeside(num_classes=3)), StreamLabels(FourierLabels(3, (8, 8)))),
    "stream": lambda: of(ForwardForward(label_at=AtStream(num_classes=3)), StreamLabels(FourierLabels(3, (8, 8)))),
    "local heads": lambda: of(LocalHead(num_classes=3)),
    "backpropagation": lambda: of(Backpropagation()),
    "settled": lambda: of(
        RecurrentForwardForward(updates="alternating"), None, recurrent_local(SHAPE, classes=3, tile=4, field=3)
    ),
}


def images(count: int) -> torch.Tensor:
    return torch.rand(count, *SHAPE, generator=keyed_generator(0, "images", count))


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_the_module_scores_like_the_classifier(name: str) -> None:
    model = CASES[name]()
    for by in model.ways:
        scores = exported(model, by=by)(images(5))
        assert scores.dtype == torch.float32
        torch.testing.assert_close(scores, model.scores(images(5), by=by), rtol=1e-4, atol=1e-5)
        assert scores[scores.isfinite()].std() > 0


@pytest.mark.parametrize("name", FAMILIES)
def test_every_label_is_written_as_by_the_family(name: str) -> None:
    labels, x = FAMILIES[name](), images(4)
    expected = labels(x, torch.arange(3).expand(4, -1))
    torch.testing.assert_close(every_label(labels, x), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.skipif(not can_export(), reason=f"PyTorch before {LEAST_TORCH}")
@pytest.mark.parametrize(
    ("name", "by"),
    [("candidates", "goodness"), ("morph", "goodness"), ("output", "linear"), ("stream", "stream")],
)
@torch.no_grad()
def test_a_graph_takes_any_number_of_images(name: str, by: str) -> None:
    model = CASES[name]()
    graph = exported(model, by=by).graph().module()
    for count in (1, 5):
        torch.testing.assert_close(graph(images(count)), model.scores(images(count), by=by), rtol=1e-4, atol=1e-4)


def test_bfloat16_is_not_exported() -> None:
    model = of(ForwardForward(label_at=AtOutput(3)), precision="bfloat16")
    expected = of(ForwardForward(label_at=AtOutput(3))).scores(images(3))
    assert torch.equal(exported(model)(images(3)), expected)


class ByBrightness(NoLabels):
    """Labels that depend on a comparison of pixels, as no graph can."""

    def __call__(self, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        labelled = images[:, None] * (1 + classes)[:, :, None, None, None]
        return labelled if images.mean() > 0.5 else 1 - labelled


def test_what_cannot_be_a_graph_is_named() -> None:
    scores = exported(of(ForwardForward(), ByBrightness(3)), by="goodness")
    with pytest.raises(ValueError, match=r"goodness of LayerLocalNet, ByBrightness, ForwardForward cannot be exported"):
        scores.graph()


def test_an_old_pytorch_is_named_where_it_may_be_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = exported(of(ForwardForward(), ByBrightness(3)), by="goodness")
    monkeypatch.setattr(torch, "__version__", "2.7.1")
    with pytest.raises(ValueError, match=rf"PyTorch {LEAST_TORCH} or later may: this is 2\.7\.1; "):
        scores.graph()


def test_scores_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="no scores by 'head'"):
        exported(CASES["output"](), by="head")
