"""Presets without labels: networks that learn to tell images from hybrids (Hinton 2022, 3.2). Imports no torch.

Published are the networks, their epochs, and what the readout reads. First weights, rates, batches and decay of weights
are those of Hinton's code for his supervised networks, translated as in `hinton_nets.py`: our reconstruction. Networks
for images (`--model cnn3`, `cnn6`, ...) keep their own presets; see `at_nowhere.py`. Times are for two cores, and
estimates.
"""

from collections.abc import Callable
from dataclasses import replace

from experiments.config.presets.hintons_step import HINTONS_STEP
from experiments.config.presets.image_nets import IMAGE_PRESETS
from experiments.config.presets.rules import of_rule
from experiments.config.recipe import Recipe, of_few_images
from experiments.config.settings import Settings, SettingsError

Preset = Callable[[Settings], Recipe]
FILLED = ("mnist", "fashion_mnist")  # images of 28 x 28 pixels, which the paper's fields fill
NETS = {"local": "local_fields", "dense": "mlp"}
LOCAL = (128, 220, 512)  # units per place
DENSE = (2000, 2000, 2000, 2000)


def net_of(settings: Settings) -> str | None:
    """Return which of Hinton's networks is asked for, "local" or "dense"; None for a network for images.

    Example:
        >>> [net_of(Settings(dataset="mnist", net=net)) for net in (None, "dense")], net_of(Settings(model="cnn6"))
        (['local', 'dense'], None)
    """
    if settings.net in NETS:
        return settings.net
    by_model = {model: net for net, model in NETS.items()}
    return by_model.get(settings.model or ("local_fields" if settings.dataset in FILLED else "cnn6"))


def paper(settings: Settings) -> Recipe:
    """Return the published setting: `local` for 60 epochs, or `dense` for 100.

    Raises:
        SettingsError: one of the networks is asked for, and images shall carry labels.

    Example:
        >>> [paper(Settings(net=net, label_at="nowhere")).epochs for net in NETS]
        [60, 100]
    """
    return of_rule(settings.rule, "unsupervised")(_papers(settings))


def quick(settings: Settings) -> Recipe:
    """Return the paper's networks for 5 minutes, without a softmax beside them: 16 epochs of `local`, or 5 of `dense`.

    The softmax costs a pass of each image more, a quarter of the time.

    Example:
        >>> quick(Settings(net="local", label_at="nowhere")).epochs
        16
    """
    epochs = 16 if net_of(settings) == "local" else 5
    return of_rule(settings.rule, "unsupervised")(replace(_papers(settings), epochs=epochs, joint_readout=False))


def smoke(settings: Settings) -> Recipe:
    """Return `quick` with 1,000 images, judged by 500: 30 seconds, only to show that all parts work.

    Example:
        >>> smoke(Settings(net="local", label_at="nowhere")).train_images
        1000
    """
    return of_few_images(quick(settings))


def long(settings: Settings) -> Recipe:
    """Return the networks for about 30 minutes: 70 epochs of `local`, 25 of `dense`.

    Example:
        >>> long(Settings(net="dense", label_at="nowhere")).epochs
        25
    """
    epochs = 70 if net_of(settings) == "local" else 25
    return of_rule(settings.rule, "unsupervised")(replace(_papers(settings), epochs=epochs))


def _papers(settings: Settings) -> Recipe:
    """Return the published setting for FF."""
    if settings.net in NETS and settings.label_at != "nowhere":
        raise SettingsError(
            f"--net {settings.net} cannot be used with --label-at {settings.label_at}; it can with nowhere"
        )
    local = net_of(settings) == "local"
    return Recipe(
        model="local_fields" if local else "mlp",
        model_options={"widths": LOCAL if local else DENSE},
        reduction="sum",
        epochs=60 if local else 100,
        **HINTONS_STEP,
        readout_images=None,
        readout_normalised=True,
        curve_images=0,
        validation_images=10_000,
    )


def _of_its_kind(name: str, preset: Preset) -> Preset:
    """Return a preset that leaves networks for images to their own presets."""
    return lambda settings: (IMAGE_PRESETS[name] if net_of(settings) is None else preset)(settings)


UNSUPERVISED_PRESETS: dict[str, Preset] = {
    name: _of_its_kind(name, preset)
    for name, preset in {"smoke": smoke, "quick": quick, "paper": paper, "long": long}.items()
}
