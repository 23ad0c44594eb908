"""What a block hands up says nothing of the right label, where no image carries one: in training, for every place."""

import pytest
import torch
from torch import Tensor

from convff import (
    PLACES,
    AtOutput,
    Batch,
    Block,
    ForwardForward,
    LocalHead,
    Softmax,
    cnn6,
    contrast_of,
    keyed_generator,
)
from convff.training.block_step import block_step
from labels import FourierLabels, StreamLabels

CLASSES = 3
LABELS = StreamLabels(FourierLabels(CLASSES, (8, 8)))
RULES = {
    place: ForwardForward(gate=Softmax(), label_at=made(num_classes=CLASSES))
    for place, made in PLACES.items()
    if place not in ("image", "nowhere")
}
RULES |= {
    "output, regions": ForwardForward(gate=Softmax(), label_at=AtOutput(CLASSES, regions=2)),
    "local_head": LocalHead(num_classes=CLASSES),
}


def handed_up(name: str, targets: list[int]) -> tuple[list[Tensor], list[Tensor]]:
    """Run a training step of every block, without its end: the raw inputs that each block saw, and its directions."""
    rule = RULES[name]
    torch.manual_seed(0)
    net = cnn6((1, 8, 8), widths=(6, 6, 6), pool_after=(1,)).train()
    images = torch.rand(len(targets), 1, 8, 8, generator=keyed_generator(0, "images"))
    inputs, layout = contrast_of(rule, LABELS)(Batch(images, torch.tensor(targets)), torch.Generator())
    seen, directions = [], []

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        beside = rule.beside(block, keyed_generator(0, "beside", index))
        if beside is not None:
            for parameter in beside.parameters():  # a head that starts at zero would say nothing of any label
                parameter.data += 0.1 * torch.randn(parameter.shape, generator=keyed_generator(0, "values", index))
        seen.append(h)
        a, update = block_step(block, rule, h, layout, rule.init(block), beside)
        directions.append(update.dense(block.layer)["weight"])
        return a

    with torch.no_grad():
        net.route(inputs, visit)
    return seen, directions


@pytest.mark.parametrize("name", RULES)
def test_shuffled_labels_change_what_is_learnt_and_nothing_of_what_is_handed_up(name: str) -> None:
    one, learnt = handed_up(name, [0, 1, 2, 0, 1])
    other, learnt_otherwise = handed_up(name, [2, 2, 0, 1, 0])
    assert len(one) == 3
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(learnt, learnt_otherwise, strict=True))
