"""What presets change for few photographs of one's own: a network would know them by heart. Imports no torch.

Not measured yet. It holds for photographs that were made smaller, and not for small images that are taken as they are:
a digit that is mirrored may be another one.
"""

from dataclasses import replace

from experiments.config.recipe import Recipe
from experiments.config.settings import Settings

FEW = 2000
SEEN = 12_000  # images in a training: a minute on two cores for 64 x 64 pixels
MOST_EPOCHS = 100
BATCH = 32  # of larger ones, few photographs make too few steps
MORE_EPOCHS = ("quick", "long")  # presets; smoke is to be over at once, and paper is that of a paper
MIRRORED_ALREADY = ("flips_shifts", "flips_shifts_cutout")


def few_photographs(settings: Settings, recipe: Recipe, count: int) -> Recipe:
    """Mirror and shift images if there are fewer than 2,000, and in `quick` and `long` see each of them more often.

    What the settings ask for stays.

    Args:
        settings: the settings.
        recipe: the recipe of the preset.
        count: the number of training images.

    Example:
        >>> few_photographs(Settings(), Recipe(model="cnn6", epochs=6), 180).augment
        'flips_shifts'
        >>> few_photographs(Settings(), Recipe(model="cnn6", epochs=6), 180).epochs
        67
        >>> few_photographs(Settings(augment="none"), Recipe(model="cnn6", epochs=6), 2500).augment
        'none'
    """
    if count >= FEW:
        return recipe
    if settings.augment is None and recipe.augment not in MIRRORED_ALREADY:
        recipe = replace(recipe, augment="flips_shifts")
    if settings.preset not in MORE_EPOCHS or settings.net is not None or recipe.repeats * recipe.portions > 1:
        return recipe
    if settings.epochs is None:
        recipe = replace(recipe, epochs=max(recipe.epochs, min(MOST_EPOCHS, round(SEEN / count))))
    return replace(recipe, batch_size=min(recipe.batch_size, BATCH)) if settings.batch_size is None else recipe


def difference_in_words(before: Recipe, after: Recipe) -> str:
    """Say what differs between two recipes.

    Example:
        >>> difference_in_words(Recipe(model="cnn6"), Recipe(model="cnn6", augment="flips_shifts", epochs=67))
        'augment flips_shifts instead of none, epochs 67 instead of 1'
    """
    names = (name for name in ("augment", "epochs", "batch_size") if getattr(after, name) != getattr(before, name))
    return ", ".join(f"{name} {getattr(after, name)} instead of {getattr(before, name)}" for name in names)
