"""What the trainer refuses."""

import pytest

from convff import RULES, Backpropagation, LabelContrast, OneProcess, Trainer, cnn3
from labels import FourierLabels
from tests.convff.samples import ADDITIVE, network

SIZE = (8, 8)


@pytest.mark.parametrize("ignored", [{"contrast": LabelContrast(FourierLabels(3, SIZE))}, {"compiled": True}])
def test_a_rule_that_is_not_local_ignores_nothing(ignored: dict[str, object]) -> None:
    net = cnn3((1, *SIZE), width=3, kernel=3)
    with pytest.raises(ValueError, match=f"{next(iter(ignored))} would be ignored"):
        Trainer(net, FourierLabels(3, SIZE), Backpropagation(), **ignored)  # type: ignore[arg-type]


def test_backpropagation_wants_one_process() -> None:
    two = OneProcess()
    two.size = 2
    with pytest.raises(ValueError, match="Backpropagation is not a local rule: it runs in one process"):
        Trainer(network("cnn6", ADDITIVE["fourier"]), ADDITIVE["fourier"], RULES["bp"](), processes=two)
