"""The golden losses on disk."""

import json
from pathlib import Path

from tests.golden.cases import Numbers

EXPECTED = Path(__file__).parent / "losses.json"
DIGITS = 12  # far more than the 1e-6 that is compared, and short enough to read


def rounded(numbers: Numbers) -> Numbers:
    """The numbers with `DIGITS` significant digits."""
    return {name: [float(f"{value:.{DIGITS}g}") for value in values] for name, values in numbers.items()}


def expected() -> dict[str, Numbers]:
    """Case name to golden numbers."""
    content: dict[str, Numbers] = json.loads(EXPECTED.read_text())
    return content
