"""Labels and rules in words, for tables and titles."""

from collections.abc import Iterable

from experiments.config.own import short


def labels_in_words(family: str, selection: str | None) -> str:
    """Name the label family, and how its labels were chosen if they are not of the fixed set.

    Example:
        >>> labels_in_words("morph", "random"), labels_in_words("morph", None)
        ('morph (random)', 'morph')
    """
    return short(family) if selection is None else f"{short(family)} ({selection})"


def rule_in_words(rule: str, stabilise: Iterable[str]) -> str:
    """Name the rule, and the stabilisers beside it.

    Example:
        >>> rule_in_words("hebbff", ("oja", "decay")), rule_in_words("ff", ())
        ('hebbff + oja + decay', 'ff')
    """
    return " + ".join((short(rule), *stabilise))
