"""How presets treat Global-guided Hebbian learning on networks that are not its own. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe
from experiments.config.settings import SettingsError

WITHOUT_BIAS = ("cnn6",)  # networks whose convolutions can have no bias, as in the paper


def every(recipe: Recipe) -> Recipe:
    """Take plain steps that fall by a cosine, and convolutions without bias where the network allows that.

    Example:
        >>> every(Recipe(model="cnn6")).optimizer
        'sgd'
    """
    options = recipe.model_options | ({"bias": False} if recipe.model in WITHOUT_BIAS else {})
    return replace(
        recipe,
        model_options=options,
        optimizer="sgd",
        lr=0.02,
        momentum=0.0,
        weight_decay=0.01,
        decay="cosine",
        stagger=0.0,
        batch_size=64,
    )


def one_pass(recipe: Recipe) -> Recipe:
    """Train for about the same minutes as the other rules: a step costs 4 forward passes.

    Example:
        >>> one_pass(Recipe(model="cnn6")).epochs
        3
    """
    return replace(every(recipe), epochs=3)


def paper(recipe: Recipe) -> Recipe:
    """Refuse networks other than the paper's, which have presets of their own.

    Raises:
        SettingsError: always.
    """
    raise SettingsError(
        f"--preset paper of --rule ghl is for --model deephebb, fasthebb or resnet_he, got {recipe.model}"
    )
