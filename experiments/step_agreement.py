"""Measure how much the steps of different batches agree, as they are and orthogonalised.

Example: `python experiments/step_agreement.py --labels morph`. After `--after` steps of training the weights rest, and
the directions of the next `--batches` batches are kept. Printed per block is the mean cosine of two of them: 1 if every
batch asks for the same, 0 if a direction is noise. A second column is for directions with all singular values brought
near 1, as `--optimizer orthogonal` takes them. Small singular values are mostly noise, so these agree less.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from experiments.config.command_line import Asked, parse_as
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings

if TYPE_CHECKING:
    from experiments.run.parts import Parts

LEAST_RATE = 1e-12  # with none, blocks would not compute their directions
ITERATIONS = 3  # of the orthogonalised step


@dataclass(frozen=True, kw_only=True)
class Agreement(Asked):
    """Measure how much the steps of different batches agree."""

    after: int = 300
    """Number of steps before the directions are compared."""

    batches: int = 24
    """Number of batches whose directions are compared."""


def mean_cosine(matrices: list[Tensor]) -> float:
    """Return the mean cosine of two different matrices of a list.

    Example:
        >>> mean_cosine([torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([[3.0, 0.0]])])
        0.3333333432674408
    """
    units = torch.stack([matrix.flatten() / torch.linalg.vector_norm(matrix) for matrix in matrices])
    cosines = units @ units.T
    return float((cosines.sum() - cosines.trace()) / (len(matrices) * (len(matrices) - 1)))


def directions(parts: "Parts", after: int, batches: int) -> list[list[Tensor]]:
    """Return the directions of a number of batches, per block, with the weights that training has after some steps.

    Args:
        parts: the parts of a run.
        after: number of steps before.
        batches: number of batches.
    """
    net = parts.new_net()
    trainer = parts.new_trainer(net, None)
    kept: list[list[Tensor]] = [[] for _ in net]
    seen = [0] * len(kept)
    for block, optimizer in enumerate(trainer.step.optimizers[: len(kept)]):
        optimizer.register_step_pre_hook(_keeping(kept[block], seen, block, after))
    for _ in trainer.fit(parts.portions[0]):
        break
    return [each[:batches] for each in kept]


def _keeping(kept: list[Tensor], seen: list[int], block: int, after: int) -> Callable[..., None]:
    """Return a hook that keeps the direction of a block's weights once enough steps are taken, and lets them rest."""

    def keep(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        seen[block] += 1
        if seen[block] <= after:
            return
        for group in optimizer.param_groups:
            group["lr"] = LEAST_RATE
            kept.extend(p.grad.flatten(1).float().clone() for p in group["params"] if p.grad is not None and p.ndim > 1)

    return keep


def table(found: list[list[Tensor]]) -> str:
    """Return the agreement per block as a table.

    Args:
        found: directions `[O, I]` of several batches, per block.
    """
    from convff import orthogonalise

    lines = ["block  as they are  orthogonalised"]
    for block, matrices in enumerate(found, start=1):
        orthogonal = [orthogonalise(matrix, ITERATIONS) for matrix in matrices]
        lines.append(f"{block:5}  {mean_cosine(matrices):11.3f}  {mean_cosine(orthogonal):14.3f}")
    return "\n".join(lines)


def main() -> None:
    """Train for some steps, and print the table."""
    asked, settings = parse_as(Agreement, Settings(evaluate_on="validation"), __doc__)

    from convff import OneProcess
    from experiments.run.parts import prepare

    size = recipe_for(settings).batch_size
    images = (asked.after + asked.batches + 1) * size
    settings = replace(settings, batch_size=size, train_images=images, epochs=1, stagger=0.0)
    parts = prepare(settings, None, OneProcess())
    print(table(directions(parts, asked.after, asked.batches)))


if __name__ == "__main__":
    main()
