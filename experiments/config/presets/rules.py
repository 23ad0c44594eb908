"""What a rule, a place, a label family or a data set changes in a preset, read from its own file in this folder."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from experiments.config.recipe import Recipe

Change = Callable[[Recipe], Recipe]


def of_rule(rule: str, preset: str) -> Change:
    """Return what the rule's own file changes in a preset.

    Args:
        rule: name of the rule.
        preset: name of the preset.

    Returns:
        the file's function of the preset's name, or else its function `every`; a function that changes nothing if the
        rule has no such file.

    Example:
        >>> of_rule("hebbff", "quick")(Recipe(model="mlp")).optimizer, of_rule("ff", "quick")(Recipe(model="mlp")).optimizer
        ('relative', 'adam')
    """  # noqa: E501
    return _of_file(rule, preset)


def of_place(label_at: str, preset: str) -> Change:
    """Return what the file of a place of the label, `at_<label_at>.py`, changes in a preset; see `of_rule`.

    Example:
        >>> of_place("blocks", "quick")(Recipe(model="cnn6")).scale
        100.0
    """
    return _of_file(f"at_{label_at}", preset)


def of_labels(labels: str, rule: str) -> Change:
    """Return what the file of a label family, `with_<labels>.py`, changes for a rule; see `of_rule`.

    Example:
        >>> of_labels("fourier", "ff")(Recipe(model="cnn6")).batch_size, of_labels("morph", "ff")(Recipe(model="cnn6")).batch_size
        (64, 32)
    """  # noqa: E501
    return _of_file(f"with_{labels}", rule)


def of_dataset(dataset: str, label_at: str) -> Change:
    """Return what the file of a data set, `on_<dataset>.py`, changes for a place of the label; see `of_rule`.

    Example:
        >>> of_dataset("cifar100", "gains")(Recipe(model="cnn6")).scale
        2.0
    """
    return _of_file(f"on_{dataset}", label_at)


def _of_file(file: str, preset: str) -> Change:
    name = f"{__package__}.{file}"
    if not file.isidentifier() or find_spec(name) is None:
        return _unchanged
    module = import_module(name)
    change: Change = getattr(module, preset, getattr(module, "every", _unchanged))
    return change


def _unchanged(recipe: Recipe) -> Recipe:
    return recipe
