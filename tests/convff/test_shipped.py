"""Networks that ship with the package can be used at once, and say how they were made."""

import re

import pytest
import torch

from convff import pretrained, pretrained_about, pretrained_names, shipped_digits
from convff.shipped import NETS


def test_the_digits_are_told_apart() -> None:
    images, classes = shipped_digits()
    model = pretrained("mnist-fourier")
    said = torch.tensor([int(name) for name in model.predict(images)])
    assert int((said == classes).sum()) >= 15  # of the first 16 test images
    maps = model.maps(images[:2])
    torch.testing.assert_close(maps.summed().sum(dim=(1, 2)), maps.scores - maps.bias, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", pretrained_names())
def test_each_network_loads_and_says_how_it_was_made(name: str) -> None:
    about = pretrained_about(name)
    model = pretrained(name)
    assert about["command"].startswith("convff train ")
    assert re.fullmatch(r"[0-9a-f]{40}", about["git_commit"])
    assert about["judged_on"].endswith(" test images")
    assert max(about["accuracy"].values()) > max(about["control"].values()) or name == "mnist-fourier"
    assert {"goodness", "groups", "linear"} & set(model.ways)
    scores = model.scores(torch.zeros(1, *model.image_shape))
    assert scores.shape == (1, len(model.class_names))


def test_they_are_small() -> None:
    assert sum(file.stat().st_size for file in NETS.iterdir()) < 4 * 2**20


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="the pretrained networks are mnist-fourier, cifar10-output; got 'nothing'"):
        pretrained("nothing")
