"""Cost of a training step and of an inference by counting: operations, bytes moved, bytes communicated.

`docs/cost.md` explains the counting; the benchmark's section "model" compares it with the clock, the tests compare
the operations with PyTorch's own counter.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from convff import Block, LayerLocalNet, evaluating


@dataclass(frozen=True)
class Cost:
    """What one block costs for one pass.

    Args:
        multiplications: multiply-adds of its convolution or matrix product, forward.
        inputs: values of its input.
        activity: values of its activity.
        outputs: values that it passes on, after pooling.
        weights: parameters.
    """

    multiplications: int
    inputs: int
    activity: int
    outputs: int
    weights: int


def block_costs(net: LayerLocalNet, input_shape: tuple[int, ...]) -> list[Cost]:
    """Return the cost of each block for one pass of an input `[C, H, W]`.

    Example:
        >>> from convff import cnn3
        >>> block_costs(cnn3((1, 8, 8), width=4, kernel=3, depth=1), (1, 8, 8))
        [Cost(multiplications=2304, inputs=64, activity=256, outputs=256, weights=40)]
    """
    costs: list[Cost] = []

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        a: Tensor = block(h)
        weight = block.layer.weight
        positions = a[0, 0].numel() if isinstance(block.layer, nn.Conv2d) else 1
        sizes = (h[0].numel(), a[0].numel(), block.pool(a)[0].numel())
        costs.append(Cost(weight.numel() * positions, *sizes, sum(p.numel() for p in block.layer.parameters())))
        return a

    with torch.no_grad(), evaluating(net):
        net.route(torch.zeros(2, *input_shape), visit)
    return costs


def step_operations(costs: list[Cost], images: int, passes: int = 2) -> int:
    """Return the floating-point operations of a step: each pass goes forward once and makes one weight-gradient.

    Example:
        >>> step_operations([Cost(9, 4, 2, 1, 3), Cost(18, 1, 2, 1, 6)], images=2)
        432
    """
    return 2 * 2 * images * passes * sum(cost.multiplications for cost in costs)


def backpropagation_operations(costs: list[Cost], images: int) -> int:
    """Return the operations of a step of backpropagation: forward, weight-gradient, and all input-gradients but one.

    The first block needs no input-gradient.

    Example:
        >>> backpropagation_operations([Cost(9, 4, 2, 1, 3), Cost(18, 1, 2, 1, 6)], images=2)
        288
    """
    every, first = sum(cost.multiplications for cost in costs), costs[0].multiplications
    return 2 * images * (3 * every - first)


# Times that a step reads or writes each value, block by block. Input: normalisation reads it twice and writes it once,
# the convolution and the weight-gradient read it. Activity: the convolution writes it; relu reads and writes; goodness,
# gate and pooling read; the gate writes its product; the weight-gradient reads that.
TOUCHES_OF_INPUT = 5
TOUCHES_OF_ACTIVITY = 8
TOUCHES_OF_OUTPUT = 1
# Adam reads weight, gradient and two moments and writes three; the cast for the next step reads once.
TOUCHES_OF_WEIGHT = 8


def step_bytes(costs: list[Cost], images: int, passes: int = 2, *, bytes_of_a_value: int = 2) -> int:
    """Return the bytes that a step moves to and from memory, assuming no cache hits.

    Example:
        >>> step_bytes([Cost(9, 4, 2, 1, 3), Cost(18, 1, 2, 1, 6)], images=2)
        760
    """
    moved = sum(
        TOUCHES_OF_INPUT * cost.inputs + TOUCHES_OF_ACTIVITY * cost.activity + TOUCHES_OF_OUTPUT * cost.outputs
        for cost in costs
    )
    weights = sum(cost.weights for cost in costs)
    return images * passes * moved * bytes_of_a_value + TOUCHES_OF_WEIGHT * weights * 4


def communicated_bytes(costs: list[Cost], processes: int) -> int:
    """Return the bytes that each process sends per step: a ring all-reduce of every block's direction, in float32.

    Example:
        >>> communicated_bytes([Cost(9, 4, 2, 1, 3), Cost(18, 1, 2, 1, 6)], processes=2)
        36
    """
    return 2 * (processes - 1) * sum(cost.weights for cost in costs) * 4 // processes


def inference_operations(
    costs: list[Cost], classes: int, candidates: int | None = None, *, shared: bool = False
) -> int:
    """Return the operations of goodness inference for one image.

    Args:
        costs: the costs of the blocks.
        classes: number of classes K.
        candidates: number of labels to try, after one pass for the readout; all if omitted.
        shared: the first block's convolution runs once per image (and once per label, which many images share).

    Example:
        >>> costs = [Cost(9, 4, 2, 1, 3), Cost(18, 1, 2, 1, 6)]
        >>> inference_operations(costs, 10), inference_operations(costs, 10, shared=True)
        (540, 378)
    """
    first, others = costs[0].multiplications, sum(cost.multiplications for cost in costs[1:])
    tried = classes if candidates is None else candidates
    readout = first + others if candidates is not None else 0
    return 2 * (readout + tried * others + (1 if shared else tried) * first)
