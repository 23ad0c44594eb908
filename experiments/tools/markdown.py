"""Tables in Markdown."""

from typing import Any


def plain_table(rows: list[dict[str, Any]]) -> str:
    """Write rows as a table in Markdown, numbers with three significant digits.

    Example:
        >>> print(plain_table([{"step": "ff", "ms": 12.345}]))
        | step | ms |
        |---|---|
        | ff | 12.3 |
    """
    header = [f"| {' | '.join(rows[0])} |", "|" + "---|" * len(rows[0])]
    return "\n".join(header + [f"| {' | '.join(_cell(value) for value in row.values())} |" for row in rows])


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
