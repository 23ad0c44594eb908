"""Superclasses at places whose labels have images of their own: against autograd of the mean goodness."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from convff import AtBeside, AtImage, AtOutput, AtStream, ForwardForward, Merged, Softmax, cnn6, for_superclasses
from convff.places.merged import superclass_means
from convff.rules.base import Seen
from convff.testing.cases import Case

GROUPS = (0, 1, 0, 1, 0)
PLACES = {"stream": AtStream(num_classes=5), "beside": AtBeside(num_classes=5)}


def seen_of(place: Any) -> tuple[Any, Seen]:
    """What a rule for superclasses sees of the first block, with the superclasses as targets."""
    rule = ForwardForward(gate=Softmax(scale=3.0), label_at=Merged(place=place, superclasses=GROUPS))
    case = Case(rule=rule, kind="convolutional", num_classes=5)
    seen = case.seen(case.first_block())
    return rule, seen._replace(layout=seen.layout._replace(targets=torch.tensor(GROUPS)[seen.layout.targets]))


def slow_loss(rule: Any, place: Any, seen: Seen) -> Tensor:
    """The cross-entropy over superclasses, whose goodness is the mean over their classes, image by image."""
    fine = place.scores(seen._replace(a=torch.relu(seen.block.layer(seen.x))), rule.goodness, "mean")
    total = torch.zeros((), dtype=torch.float64)
    for scores, target in zip(fine, seen.layout.targets.tolist(), strict=True):
        means = [torch.stack([scores[k] for k in range(5) if GROUPS[k] == s]).mean() for s in range(2)]
        total = total + F.cross_entropy(3.0 * torch.stack(means), torch.tensor(target))
    return total / len(fine)


@pytest.mark.parametrize("name", PLACES)
def test_the_direction_is_the_gradient_of_the_loss_over_superclasses(name: str) -> None:
    place = PLACES[name]
    rule, seen = seen_of(place)
    parameters = dict(seen.block.layer.named_parameters())
    parameters |= {} if seen.beside is None else {f"beside.{n}": p for n, p in seen.beside.named_parameters()}
    with torch.no_grad():
        found = rule.direction(seen, None).dense(seen.block.layer)
    loss = slow_loss(rule, place, seen) if name == "stream" else slow_frozen_loss(place, seen)
    grads = torch.autograd.grad(loss, list(parameters.values()))
    assert found.keys() == parameters.keys()
    for parameter, grad in zip(parameters, grads, strict=True):
        assert torch.allclose(found[parameter], grad, rtol=1e-9, atol=1e-12)


def slow_frozen_loss(place: Any, seen: Seen) -> Tensor:
    """The frozen form: with `m = 1[z > 0]` held fixed, `g_k = mean (m (z + v_k))^2`."""
    assert seen.beside is not None
    z = seen.block.layer(seen.x)
    m = (z > 0).double()
    planes = place.planes(seen.layout.label_images, z.shape[2:])
    u = F.conv2d(planes, seen.beside.weight, padding=1)  # type: ignore[arg-type]
    v = u - u.mean(dim=0)
    g = torch.stack([(m * (z + v_k)).square().flatten(1).mean(dim=1) for v_k in v], dim=1)
    means = torch.stack([g[:, [k for k in range(5) if GROUPS[k] == s]].mean(dim=1) for s in range(2)], dim=1)
    return F.cross_entropy(3.0 * means, seen.layout.targets)


@pytest.mark.parametrize("name", PLACES)
def test_scores_are_means_over_the_classes(name: str) -> None:
    place = PLACES[name]
    rule, seen = seen_of(place)
    with torch.no_grad():
        fine, coarse = place.scores(seen, rule.goodness, "mean"), rule.scores(seen)
    assert coarse.shape == (len(fine), 2)
    for s in range(2):
        members = [k for k in range(5) if GROUPS[k] == s]
        assert torch.allclose(coarse[:, s], fine[:, members].mean(dim=1), rtol=1e-12)


def test_means_of_superclasses() -> None:
    assert superclass_means(GROUPS).tolist() == [
        pytest.approx([1 / 3, 0, 1 / 3, 0, 1 / 3]),
        pytest.approx([0, 0.5, 0, 0.5, 0]),
    ]


def test_what_does_not_fit_is_refused() -> None:
    merged = Merged(place=PLACES["stream"], superclasses=GROUPS)
    net = cnn6((1, 8, 8), widths=(4,), pool_after=())
    merged.check(net, 2)
    with pytest.raises(ValueError, match="merges 2 superclasses, got 5"):
        merged.check(net, 5)
    with pytest.raises(ValueError, match="is for 5 classes, got 4"):
        Merged(place=PLACES["stream"], superclasses=GROUPS[:4]).check(net, 2)
    with pytest.raises(ValueError, match="at least 2 superclasses to compare, got 1"):
        Merged(place=PLACES["stream"], superclasses=(0, 0))
    with pytest.raises(ValueError, match="compares all classes in one pass, not the image"):
        for_superclasses(lambda classes: AtImage(), GROUPS)
    assert for_superclasses(AtOutput, GROUPS) == AtOutput(2)
