"""How pages are written: templates, filled in with everything escaped. Imports no torch."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def as_html(template: str, **content: Any) -> str:
    """Return a filled template.

    Args:
        template: name of a file in `templates/`.
        content: what it is filled with; all text is escaped.
    """
    return environment().get_template(template).render(**content)


@cache
def environment() -> "Environment":
    """Return what fills templates in. It escapes all text, and refuses names that it is not given."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["sentences"] = in_a_row
    return made


def in_a_row(sentences: list[str]) -> str:
    """Return sentences one after another, with no line break between a number and its per cent.

    Example:
        >>> in_a_row(["76 % of 38.", "Untrained: 71 %."]).split()
        ['76', '%', 'of', '38.', 'Untrained:', '71', '%.']
    """
    return " ".join(sentences).replace(" %", "\u00a0%")
