"""Models score as the package does, and put the label in themselves."""

import torch
from torch import nn

from cam import GoodnessModel, HeadModel, ReadoutModel, sum_contribution
from convff import LinearReadout, goodness_scores
from convff.functional import sum_goodness
from tests.cam.helpers import CLASSES, images, label_family, network, readout_model


def test_models_score_as_the_package_does() -> None:
    family = label_family("fourier")
    net = network("cnn6", 1)
    readout = LinearReadout(net, family, (1, 14, 14), grid=3)
    nn.init.normal_(readout.linear.weight)
    torch.testing.assert_close(ReadoutModel(readout)(images()), readout(images()))
    torch.testing.assert_close(GoodnessModel(net, family)(images()), goodness_scores(net, images(), family))
    by_sum = goodness_scores(net, images(), family, goodness=sum_goodness)
    torch.testing.assert_close(GoodnessModel(net, family, contribution=sum_contribution)(images()), by_sum)
    head = nn.Linear(7, CLASSES)
    expected = head(net.eval()(family.neutral(images()))[-1].mean(dim=(2, 3)))
    torch.testing.assert_close(HeadModel(net, head, family)(images()), expected)


def test_disturbing_the_image_leaves_the_label_alone() -> None:
    """The label enters inside the model: a flipped image is flipped before its wave is added, not with it."""
    family = label_family("fourier")
    model = readout_model("cnn3", grid=None)
    flipped = images().flip(-1)
    with torch.no_grad():
        expected = model.net(family.neutral(flipped))[-1]
        wrong = model.net(family.neutral(images()).flip(-1))[-1]
    seen = []
    handle = model.layers[-1].register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    model(flipped)
    handle.remove()
    torch.testing.assert_close(seen[0], expected)
    assert (seen[0] - wrong).abs().max() > 1e-3
