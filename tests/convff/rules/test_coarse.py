"""The first blocks learn superclasses: each block as by the rule that is meant for it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from convff import (
    AtBeside,
    AtBlocks,
    AtGains,
    AtOutput,
    AtStream,
    Autograd,
    Batch,
    Coarse,
    Context,
    ForwardForward,
    HebbianForwardForward,
    ImageData,
    LocalHead,
    Place,
    Setup,
    Similar,
    Softmax,
    block_scores,
    cnn6,
    contrast_of,
    for_superclasses,
    keyed_generator,
    mlp,
    start,
)
from convff.evaluations import EVALUATIONS
from convff.rules.base import Seen
from convff.testing import check_rule
from convff.testing.cases import Case, Planes

GROUPS = (0, 1, 0, 1)
PLACES: dict[str, Callable[[int], Place]] = {
    "output": AtOutput,
    "blocks": lambda classes: AtBlocks(num_classes=classes),
    "gains": lambda classes: AtGains(num_classes=classes),
    "stream": lambda classes: AtStream(num_classes=classes),
    "beside": lambda classes: AtBeside(num_classes=classes),
}


def coarse(name: str, make: Any = ForwardForward, blocks: int = 1, groups: tuple[int, ...] = GROUPS) -> Coarse:
    if name == "local_head":
        fine, lower = LocalHead(num_classes=len(groups), regions=2), LocalHead(num_classes=max(groups) + 1, regions=2)
        return Coarse(rule=fine, lower=lower, superclasses=groups, blocks=blocks)
    places = PLACES[name](len(groups)), for_superclasses(PLACES[name], groups)
    fine, lower = (make(gate=Softmax(scale=4.0), label_at=place) for place in places)
    return Coarse(rule=fine, lower=lower, superclasses=groups, blocks=blocks)


@pytest.mark.parametrize("name", [*PLACES, "local_head"])
def test_it_fulfils_the_contract_of_rules(name: str) -> None:
    check_rule(coarse(name), num_classes=4, kinds=("convolutional",))


@pytest.mark.parametrize("name", [name for name in (*PLACES, "local_head") if name != "beside"])
@pytest.mark.usefixtures("without_compiler")
def test_it_fulfils_it_on_dense_blocks_too(name: str) -> None:
    """Compiled on the others alone: which of the two rules learns does not depend on the kind of a block."""
    check_rule(coarse(name), num_classes=4, kinds=("dense",))


def test_it_fulfils_it_around_hebbff_and_has_a_loss_only_where_the_rules_have_one() -> None:
    check_rule(coarse("output", HebbianForwardForward), num_classes=4, kinds=("dense",))
    assert hasattr(coarse("output"), "loss")
    assert not hasattr(Coarse(rule=object(), lower=object(), superclasses=GROUPS), "loss")


@pytest.mark.parametrize("name", [*PLACES, "local_head"])
def test_lower_blocks_learn_superclasses_and_the_others_classes(name: str) -> None:
    rule, labels = coarse(name), Planes(4)
    net = cnn6((2, 6, 6), widths=(8, 8), pool_after=())
    inputs, layout = contrast_of(rule, labels)(
        Batch(torch.rand(6, 2, 6, 6), torch.tensor([0, 1, 2, 3, 0, 1])), torch.Generator()
    )
    with torch.no_grad():
        for index, block in enumerate(net):
            assert block.index == index
            expected = rule.lower if index == 0 else rule.rule
            targets = torch.tensor([0, 1, 0, 1, 0, 1]) if index == 0 else layout.targets
            beside = expected.beside(block, keyed_generator(0, "beside"))
            h = inputs if index == 0 else torch.rand(len(inputs), 8, 6, 6)
            x = block.normalised(h, layout.stream)
            seen = Seen(block, x, block.activity(x), layout, beside=beside)
            found = rule.direction(seen, rule.init(block)).dense(block.layer)
            meant = seen._replace(layout=layout._replace(targets=targets))
            wanted = expected.direction(meant, None).dense(block.layer)
            assert found.keys() == wanted.keys()
            assert all(torch.equal(found[key], wanted[key]) for key in found)


@pytest.mark.parametrize("name", [*PLACES, "local_head"])
def test_a_lower_block_scores_each_class_like_its_superclass(name: str) -> None:
    rule, labels = coarse(name), Planes(4)
    net = cnn6((2, 6, 6), widths=(8, 8), pool_after=())
    step = start(rule, Setup(net=net, labels=labels))
    scores = block_scores(net, torch.rand(5, 2, 6, 6), labels, rule, step.modules.get("beside"))  # type: ignore[arg-type]
    assert scores.shape == (2, 5, 4)
    assert torch.equal(scores[0][:, [0, 1]], scores[0][:, [2, 3]])
    if name != "local_head":  # whose heads start at zero
        assert not torch.equal(scores[1][:, 0], scores[1][:, 2])


def test_lower_blocks_do_not_count_in_inference() -> None:
    rule, labels = coarse("output", blocks=2), Planes(4)
    net = cnn6((2, 6, 6), widths=(8, 8, 8), pool_after=())
    images, classes = torch.randint(256, (30, 2, 6, 6)).byte(), torch.arange(30) % 4
    data = ImageData(images, classes, tuple("abcd"), "noise", GROUPS)
    for first, expected in ((0, 2), (1, 2), (2, 2)):
        assert Context(rule=rule, labels=labels, train=data, first_block=first).first_scored_of(net) == expected
    wrapped = Similar(rule=Autograd(rule=rule), weight=0.1, num_classes=4)
    assert Context(rule=wrapped, labels=labels, train=data).first_scored_of(net) == 2
    score = EVALUATIONS["groups"](net, Context(rule=rule, labels=labels, train=data), data)
    last = block_scores(net, data.images.float() / 255, labels, rule)[2]
    assert torch.equal(score.predicted, last.argmax(dim=1))


def test_widths_of_lower_blocks_need_to_fit_superclasses_only() -> None:
    rule = coarse("output", groups=tuple(k % 20 for k in range(100)), blocks=2)
    assert [rule.fitting(60, block) for block in range(3)] == [60, 60, 100]
    assert (rule.fitting(60), rule.fitting(160), rule.fitting(1)) == (100, 200, 100)
    assert coarse("output", groups=(0, 1, 2, 0, 1)).fitting(1) == 15  # groups of 5 classes and of 3 superclasses
    net = cnn6((1, 8, 8), widths=(20, 40, 100), pool_after=())
    rule.check(net, 100)
    with pytest.raises(ValueError, match="block 3 has 40 channels, which do not make 100 equal groups"):
        rule.check(cnn6((1, 8, 8), widths=(20, 40, 40), pool_after=()), 100)
    with pytest.raises(ValueError, match="block 2 has 30 channels, which do not make 20 equal groups"):
        rule.check(cnn6((1, 8, 8), widths=(20, 30, 100), pool_after=()), 100)
    assert [block.index for block in net] == [0, 1, 2]
    assert len(net.state_dict()) == len(cnn6((1, 8, 8), widths=(20, 40, 100), pool_after=()).state_dict())


def test_a_step_of_lower_blocks_does_not_depend_on_the_class_within_a_superclass() -> None:
    """Classes 0 and 2 are of one superclass: exchanging them moves the second block only."""
    after = []
    for classes in ([0, 1, 2, 3], [2, 1, 0, 3]):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = mlp((2, 6, 6), widths=(8, 8))
        step = start(coarse("output"), Setup(net=net, labels=Planes(4)))
        images = torch.rand(4, 2, 6, 6, generator=keyed_generator(0, "images"))
        step(Batch(images, torch.tensor(classes)), torch.Generator())
        after.append([block.layer.weight.detach() for block in net])
    assert torch.equal(after[0][0], after[1][0])
    assert not torch.equal(after[0][1], after[1][1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blocks": 0}, "at least 1 block and 2 superclasses, got 0 and 2"),
        ({"superclasses": (0, 0, 0, 0)}, "at least 1 block and 2 superclasses, got 1 and 1"),
        ({"superclasses": (0, 2, 0, 2)}, "superclasses must be an index for each of 4 classes"),
    ],
)
def test_wrong_numbers_are_refused(changes: dict[str, Any], message: str) -> None:
    fine, lower = ForwardForward(label_at=AtOutput(4)), ForwardForward(label_at=AtOutput(2))
    with pytest.raises(ValueError, match=message):
        Coarse(**({"rule": fine, "lower": lower, "superclasses": GROUPS} | changes))


def test_networks_that_do_not_fit_are_refused() -> None:
    case = Case(rule=None, kind="dense", num_classes=4)
    with pytest.raises(ValueError, match="must leave a block that learns the classes, got 2 of 2 blocks"):
        coarse("output", blocks=2).check(case.net(), 4)
    with pytest.raises(ValueError, match="superclasses of 4 classes, got 5"):
        coarse("output").check(case.net(), 5)
