"""The similarity term: against autograd of the loss written out pair by pair."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff import (
    AtOutput,
    Block,
    ForwardForward,
    HebbianForwardForward,
    Layout,
    LengthNorm,
    LocalHead,
    Seen,
    Similar,
    Softmax,
    keyed_generator,
)
from convff.testing import check_rule
from tests.convff.samples import relative_error

CLASSES, IMAGES, WEIGHT = 3, 5, 0.7
FF = ForwardForward(gate=Softmax(scale=2.0), label_at=AtOutput(CLASSES))


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "similar"), dtype=torch.float64)


def seen_of(kind: str) -> Seen:
    dense = kind == "dense"
    block = Block(LengthNorm(), nn.Linear(6, 6) if dense else nn.Conv2d(2, 6, 3, padding=1)).double()
    with torch.no_grad():
        for index, parameter in enumerate(block.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=index + 1) / 2)
        x = block.normalised(drawn(IMAGES, 6, seed=7) if dense else drawn(IMAGES, 2, 4, 4, seed=7))
        return Seen(block, x, block.activity(x), Layout(torch.tensor([0, 1, 2, 1, 0])))


def term(a: Tensor, targets: Tensor, regions: int) -> Tensor:
    """The mean over all pairs of the squared difference between two similarities, pair by pair."""
    features = a if a.ndim == 2 else F.adaptive_avg_pool2d(a, regions).permute(0, 2, 3, 1).flatten(1)
    codes = torch.eye(CLASSES, dtype=a.dtype)[targets]

    def cosine(u: Tensor, v: Tensor) -> Tensor:
        u, v = u - u.mean(), v - v.mean()
        return (u @ v) / (u.norm() * v.norm())

    pairs = [(n, m) for n in range(IMAGES) for m in range(IMAGES)]
    errors = [(cosine(features[n], features[m]) - cosine(codes[n], codes[m])) ** 2 for n, m in pairs]
    return torch.stack(errors).mean()


@pytest.mark.parametrize("regions", [1, 2])
@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_the_direction_is_the_gradient_of_rule_and_term(kind: str, regions: int) -> None:
    seen = seen_of(kind)
    rule = Similar(rule=FF, weight=WEIGHT, num_classes=CLASSES, regions=regions)
    layer, x = seen.block.layer, seen.x.clone().requires_grad_()
    a = torch.relu(layer(x))
    loss = FF.loss(seen._replace(a=a)) + WEIGHT * term(a, seen.layout.targets, regions)
    assert torch.allclose(rule.loss(seen), loss)
    weight, bias, of_input = torch.autograd.grad(loss, [layer.weight, layer.bias, x])
    got = rule.direction(seen, None).dense(layer)
    assert relative_error(got["weight"], weight) < 1e-12
    assert relative_error(got["bias"], bias) < 1e-12
    assert relative_error(rule.input_direction(seen), of_input) < 1e-12
    alone = FF.direction(seen, None).dense(layer)["weight"]
    assert relative_error(got["weight"], alone) > 1e-3


def test_of_weight_zero_it_is_the_rule() -> None:
    seen = seen_of("convolutional")
    got = Similar(rule=FF, weight=0.0, num_classes=CLASSES).direction(seen, None).dense(seen.block.layer)
    wanted = FF.direction(seen, None).dense(seen.block.layer)
    assert all(torch.equal(got[name], direction) for name, direction in wanted.items())


@pytest.mark.parametrize("rule", [FF, LocalHead(num_classes=CLASSES, regions=2)], ids=["ff", "local_head"])
def test_keeps_to_the_contract(rule: object) -> None:
    check_rule(Similar(rule=rule, weight=WEIGHT, num_classes=CLASSES), num_classes=CLASSES)


def test_refusals_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="a mean over images, got HebbianForwardForward: use rule ff"):
        Similar(rule=HebbianForwardForward(label_at=AtOutput(CLASSES)), weight=1.0, num_classes=CLASSES)
    with pytest.raises(ValueError, match=r"got -1\.0 and 3"):
        Similar(rule=FF, weight=-1.0, num_classes=CLASSES)
    seen = seen_of("dense")
    labelled = seen._replace(layout=Layout(torch.tensor([0, 1]), passes=2))
    with pytest.raises(ValueError, match="images that carry no label"):
        Similar(rule=ForwardForward(), weight=1.0, num_classes=CLASSES).direction(labelled, None)
