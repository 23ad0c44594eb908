"""How presets treat Hebbian Forward-Forward. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe


def every(recipe: Recipe) -> Recipe:
    """Take steps whose length is a fraction of the weights' length, so that one rate fits all blocks.

    Example:
        >>> every(Recipe(model="cnn6")).optimizer
        'relative'
    """
    return replace(recipe, optimizer="relative", lr=0.005, momentum=0.9)


def one_pass(recipe: Recipe) -> Recipe:
    """Keep the steps of FF: both rules point the same way, so the same step is best for both.

    Example:
        >>> one_pass(Recipe(model="cnn6")) == Recipe(model="cnn6")
        True
    """
    return recipe


def unsupervised(recipe: Recipe) -> Recipe:
    """Use mean goodness, and steps without a decay of the weights.

    Example:
        >>> unsupervised(Recipe(model="mlp", reduction="sum")).reduction
        'mean'
    """
    return replace(every(recipe), reduction="mean", weight_decay=0.0)


def paper(recipe: Recipe) -> Recipe:
    """Use mean goodness; the same threshold is then 1.

    Example:
        >>> paper(Recipe(model="cnn6")).theta
        1.0
    """
    return replace(every(recipe), theta=1.0, reduction="mean")


def hinton(recipe: Recipe) -> Recipe:
    """Take mean goodness, a gate as much steeper, and a rate for HebbFF's longer direction: the same steps as FF's.

    Its direction is a sum over the images and lacks FF's factor 2.

    Example:
        >>> hebbff = hinton(Recipe(model="mlp", model_options={"widths": (50, 50)}, lr=0.01, batch_size=100))
        >>> hebbff.scale, round(hebbff.lr, 6)
        (50.0, 0.0002)
    """
    factor = 2 / recipe.batch_size
    return replace(
        recipe,
        reduction="mean",
        scale=float(recipe.model_options["widths"][0]),
        lr=recipe.lr * factor,
        weight_decay=recipe.weight_decay / factor,
    )
