"""Every rule on every network learns what it always learnt. See `tests/golden`."""

import pytest

from tests.golden.cases import CASES, losses
from tests.golden.files import expected

STATED = [name for name, case in CASES.items() if case.precision == "float64"]


@pytest.mark.parametrize("name", STATED)
def test_golden_losses(name: str) -> None:
    numbers, golden = losses(CASES[name]), expected()[name]
    assert numbers.keys() == golden.keys()
    for key, values in golden.items():
        assert numbers[key] == pytest.approx(values, rel=1e-6, abs=1e-9), key


def test_every_case_is_stated() -> None:
    assert set(expected()) == set(STATED)
