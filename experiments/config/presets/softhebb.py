"""How presets treat SoftHebb on networks that are not its own. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe


def every(recipe: Recipe) -> Recipe:
    """Take one epoch of small batches, and rates that depend on the length of the weights.

    Example:
        >>> every(Recipe(model="cnn6")).optimizer
        'norm_dependent'
    """
    return replace(
        recipe,
        optimizer="norm_dependent",
        lr=0.05,
        momentum=0.0,
        decay="constant",
        stagger=0.0,
        epochs=1,
        batch_size=20,
    )


def paper(recipe: Recipe) -> Recipe:
    """Refuse nothing: the published network has presets of its own.

    Example:
        >>> paper(Recipe(model="cnn6")) == every(Recipe(model="cnn6"))
        True
    """
    return every(recipe)
