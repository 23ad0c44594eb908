"""Wrong labels drawn with given probabilities."""

from itertools import permutations

import pytest
import torch
from torch import Tensor

from convff import keyed_generator
from convff.contrasts.weighted import check_classes, check_count, draw_wrong, uniform_wrong

# Rows need not sum to 1, and the diagonal is ignored.
TABLE = torch.tensor([[9.0, 1.0, 2.0, 0.0], [1.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.0, 0.1], [3.0, 0.0, 1.0, 0.0]])


def drawn(right: int, count: int, draws: int = 400_000) -> Tensor:
    return draw_wrong(TABLE, torch.full((draws,), right), count, keyed_generator(0, "draws", right, count))


def sequence_probability(right: int, order: tuple[int, ...]) -> float:
    """Draw one after another without replacement, each in proportion to its weight among those left."""
    weights = {j: TABLE[right, j].item() for j in range(4) if j != right}
    probability = 1.0
    for j in order:
        total = sum(weights.values())
        if not weights[j]:
            return 0.0
        probability *= weights.pop(j) / total
    return probability


@pytest.mark.parametrize(("right", "count"), [(0, 1), (1, 1), (2, 1), (3, 1), (0, 2), (1, 2), (1, 3)])
def test_frequencies_are_the_exact_probabilities(right: int, count: int) -> None:
    found = drawn(right, count)
    total = 0.0
    for order in permutations([j for j in range(4) if j != right], count):
        p, share = sequence_probability(right, order), (found == torch.tensor(order)).all(dim=1).double().mean().item()
        total += p
        assert abs(share - p) <= 5 * (p * (1 - p) / len(found)) ** 0.5, (order, p, share)
    assert total == pytest.approx(1)


def test_never_the_right_class_and_never_an_impossible_one() -> None:
    right = torch.arange(400_000) % 4
    wrong = draw_wrong(TABLE, right, 2, keyed_generator(0, "draws"))
    assert not (wrong == right[:, None]).any()
    assert not (TABLE[right[:, None], wrong] == 0).any()
    assert not (wrong[:, 0] == wrong[:, 1]).any()


def test_equal_probabilities() -> None:
    table = uniform_wrong(100)
    assert torch.equal(table.diagonal(), torch.zeros(100, dtype=torch.float64))
    assert table.sum(dim=1).sub(1).abs().max() < 1e-12


def test_counts_out_of_range_are_refused() -> None:
    check_count(3, 4)
    with pytest.raises(ValueError, match="at least 1 wrong label, got 0"):
        check_count(0, 4)
    with pytest.raises(ValueError, match="4 wrong labels per image, but there are 3"):
        check_count(4, 4)
    with pytest.raises(ValueError, match="for 4 classes, got 5"):
        check_classes(5, 4)
