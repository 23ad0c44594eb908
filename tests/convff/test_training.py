"""What the trainer refuses."""

import pytest

from convff import Backpropagation, RandomNegatives, Trainer, cnn3
from labels import FourierLabels

SIZE = (8, 8)


@pytest.mark.parametrize("ignored", [{"negatives": RandomNegatives(2)}, {"compiled": True}])
def test_a_rule_that_is_not_local_ignores_nothing(ignored: dict[str, object]) -> None:
    net = cnn3((1, *SIZE), width=3, kernel=3)
    with pytest.raises(ValueError, match=f"{next(iter(ignored))} would be ignored"):
        Trainer(net, FourierLabels(3, SIZE), Backpropagation(), **ignored)  # type: ignore[arg-type]
