"""How presets treat label channels beside the image, by rule. Imports no torch."""

from experiments.config.presets import with_fourier
from experiments.config.recipe import Recipe


def ff(recipe: Recipe) -> Recipe:
    """Step as with Fourier labels.

    Example:
        >>> ff(Recipe(model="cnn6")).optimizer
        'orthogonal'
    """
    return with_fourier.ff(recipe)
