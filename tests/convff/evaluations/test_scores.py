"""What an evaluation predicts follows from the scores that it returns, which are those of single images."""

from dataclasses import replace

import pytest
import torch

from convff import (
    EVALUATIONS,
    AtOutput,
    Backpropagation,
    Context,
    ForwardForward,
    ImageData,
    LinearReadout,
    Setup,
    cnn3,
    start,
)
from convff.data import as_floats
from labels import NoLabels, OneHotLabels

RULES = {
    "goodness": ForwardForward(),
    "goodness_from": ForwardForward(),
    "groups": ForwardForward(label_at=AtOutput(3)),
    "head": Backpropagation(),
    "linear": ForwardForward(),
}
SHAPE = (1, 8, 8)


def a_run(name: str) -> tuple[torch.nn.Module, Context, ImageData]:
    torch.manual_seed(0)
    rule, data = (
        RULES[name],
        ImageData(torch.randint(256, (7, *SHAPE), dtype=torch.uint8), torch.arange(7) % 3, ("a", "b", "c"), "noise"),
    )
    labels = NoLabels(3) if name == "groups" else OneHotLabels(3)
    net = cnn3(SHAPE, width=6, kernel=3)
    modules = dict(start(rule, Setup(net=net, labels=labels)).modules)
    readout = LinearReadout(net, labels, SHAPE)
    torch.nn.init.normal_(readout.linear.weight)
    return net, Context(rule=rule, labels=labels, train=data, modules=modules, readouts={id(net): readout}), data


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("candidates", [0, 2])
def test_predictions_follow_from_scores(name: str, candidates: int) -> None:
    net, run, data = a_run(name)
    run = replace(run, candidates=candidates)
    score = EVALUATIONS[name](net, run, data)
    assert score.scores is not None
    assert torch.equal(score.scores.topk(1, dim=1).indices[:, 0], score.predicted)
    of_images = EVALUATIONS[name].scores
    assert of_images is not None
    torch.testing.assert_close(score.scores, of_images(net, run, as_floats(data.images)), rtol=1e-4, atol=1e-6)
    tried = candidates if name == "goodness" and candidates else 3
    assert score.scores.isfinite().sum(dim=1).tolist() == [tried] * 7


def test_no_scores_of_images_that_were_not_asked_about() -> None:
    net, run, data = a_run("goodness")
    assert EVALUATIONS["goodness_train"](net, run, data).scores is None
