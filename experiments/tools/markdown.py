"""Tables in Markdown."""

from typing import Any


def plain_table(rows: list[dict[str, Any]]) -> str:
    """Write rows as a table in Markdown, numbers with three significant digits.

    Args:
        rows: with the same columns; those of the first row say their order.

    Raises:
        ValueError: a row has other columns than the first.

    Example:
        >>> print(plain_table([{"step": "ff", "ms": 12.345}]))
        | step | ms |
        |---|---|
        | ff | 12.3 |
    """
    if other := [row for row in rows if row.keys() != rows[0].keys()]:
        raise ValueError(f"all rows must have the columns {', '.join(rows[0])}, got {', '.join(other[0])}")
    header = [f"| {' | '.join(rows[0])} |", "|" + "---|" * len(rows[0])]
    return "\n".join(header + [f"| {' | '.join(_cell(row[name]) for name in rows[0])} |" for row in rows])


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
