"""What the tests of the library share."""

import pytest

from convff.testing import local_rules


@pytest.fixture
def without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """`check_rule` does all checks but the last, which takes most of the time."""
    assert local_rules.CHECKS[-1].__name__ == "_compiles"
    monkeypatch.setattr(local_rules, "CHECKS", local_rules.CHECKS[:-1])
