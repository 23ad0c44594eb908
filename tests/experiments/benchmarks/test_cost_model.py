"""The counting on paper against PyTorch's own counter."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from convff import RULES, Batch, LayerLocalNet, Setup, block_goodness, cnn3, cnn6, mlp, start
from experiments.benchmarks.cost_model import (
    backpropagation_operations,
    block_costs,
    communicated_bytes,
    inference_operations,
    step_operations,
)
from labels import FourierLabels

SHAPE = (3, 8, 8)
LABELS = FourierLabels(4, SHAPE[1:])
NETS = {
    "cnn3": cnn3(SHAPE, width=6, kernel=5, stride=2),
    "cnn6": cnn6(SHAPE, widths=(4, 6, 8), pool_after=(1,)),
    "mlp": mlp(SHAPE, widths=(7, 5)),
}


def counted(rule: str, net: LayerLocalNet, images: int) -> int:
    step = start(RULES[rule](), Setup(net=net, labels=LABELS))
    with FlopCounterMode(display=False) as counter:
        step(Batch(torch.rand(images, *SHAPE), torch.arange(images) % 4), torch.Generator())
    return counter.get_total_flops()


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("rule", ["ff", "hebbff"])
def test_operations_of_a_local_step(name: str, rule: str) -> None:
    net = NETS[name]
    assert counted(rule, net, 5) == step_operations(block_costs(net, SHAPE), 5)


def test_operations_of_backpropagation() -> None:
    net = NETS["cnn6"]
    head = 2 * 5 * 8 * 4  # 5 images, 8 channels, 4 classes
    assert counted("bp", net, 5) == backpropagation_operations(block_costs(net, SHAPE), 5) + 3 * head


def test_operations_of_inference() -> None:
    net = NETS["cnn6"]
    costs = block_costs(net, SHAPE)
    images = torch.rand(6, *SHAPE)
    with FlopCounterMode(display=False) as full:
        block_goodness(net, images, LABELS, share_first=False)
    assert full.get_total_flops() == 6 * inference_operations(costs, 4)
    with FlopCounterMode(display=False) as shared:
        block_goodness(net, images, LABELS, share_first=True)
    of_patterns = 4 * 2 * costs[0].multiplications
    assert shared.get_total_flops() == 6 * inference_operations(costs, 4, shared=True) + of_patterns


def test_pruning_pays_where_there_are_many_classes() -> None:
    costs = block_costs(NETS["cnn6"], SHAPE)
    assert inference_operations(costs, 100) / inference_operations(costs, 100, candidates=10) == pytest.approx(100 / 11)


def test_one_process_sends_nothing() -> None:
    costs = block_costs(NETS["mlp"], SHAPE)
    assert communicated_bytes(costs, 1) == 0
    assert communicated_bytes(costs, 2) == 4 * (192 * 7 + 7 + 7 * 5 + 5)


def test_labels_beside_every_block_are_counted() -> None:
    """The inputs of the blocks hold the label channels too."""
    net = cnn6((SHAPE[0] + 4, *SHAPE[1:]), widths=(4, 6, 8), pool_after=(1,), label_channels=4)
    costs = block_costs(net, (SHAPE[0] + 4, *SHAPE[1:]))
    assert [cost.inputs for cost in costs] == [(3 + 4) * 64, (4 + 4) * 16, (6 + 4) * 16]
    dense = mlp((SHAPE[0] + 4, *SHAPE[1:]), widths=(7, 5), label_channels=4)
    assert [cost.inputs for cost in block_costs(dense, (SHAPE[0] + 4, *SHAPE[1:]))] == [3 * 64 + 4, 7 + 4]
