"""Labels and rules in words, for tables and titles."""

from collections.abc import Iterable

from experiments.config.own import short
from experiments.config.recipe import Recipe

TOGETHER = Recipe.order


def labels_in_words(family: str, selection: str | None) -> str:
    """Name the label family, and how its labels were chosen if they are not of the fixed set.

    Example:
        >>> labels_in_words("morph", "random"), labels_in_words("morph", None)
        ('morph (random)', 'morph')
    """
    return short(family) if selection is None else f"{short(family)} ({selection})"


def rule_in_words(rule: str, stabilise: Iterable[str], order: str = TOGETHER) -> str:
    """Name the rule, the stabilisers beside it, and the order of blocks unless they learn together.

    Example:
        >>> rule_in_words("hebbff", ("oja", "decay")), rule_in_words("ff", (), "one_by_one")
        ('hebbff + oja + decay', 'ff, one by one')
    """
    named = " + ".join((short(rule), *stabilise))
    return named if order == TOGETHER else f"{named}, {order.replace('_', ' ')}"


def schedule_in_words(recipe: Recipe) -> str:
    """Say how long a training is, and in which order blocks learn.

    Example:
        >>> schedule_in_words(Recipe(model="mlp", epochs=12, batch_size=64))
        '12 epochs of batches of 64'
        >>> schedule_in_words(Recipe(model="mlp", batch_size=64, repeats=100, portions=3, order="one_by_one"))
        '1 epoch of batches of 64, 100 steps on each, for each block in turn, on each of 3 portions in turn'
    """
    words = [f"{recipe.epochs} {'epoch' if recipe.epochs == 1 else 'epochs'} of batches of {recipe.batch_size}"]
    words += [f"{recipe.repeats} steps on each"] if recipe.repeats > 1 else []
    words += ["for each block in turn"] if recipe.order == "one_by_one" else []
    words += [f"on each of {recipe.portions} portions in turn"] if recipe.portions > 1 else []
    return ", ".join(words)
