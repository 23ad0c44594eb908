"""What no run of next characters can be asked for. Imports no torch."""

import math

from experiments.characters.settings import NextCharacter
from experiments.config.ranges import DEVICE, SEEDS, WIDEST, check_out, option
from experiments.config.settings import SettingsError

BY_UNIT = ("per_neuron", "norm_dependent")  # optimisers that need a row of weights per unit


def check(asked: NextCharacter) -> None:
    """Raise for a setting that no run can have; nothing is loaded or trained yet.

    Raises:
        SettingsError: it names the option and what is allowed.

    Example:
        >>> check(NextCharacter(temperature=0.0))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: --temperature must be positive and finite, got 0.0
    """
    if not asked.negatives or len(set(asked.negatives)) < len(asked.negatives):
        raise SettingsError(f"--negatives must name each regime once, got {' '.join(asked.negatives) or 'none'}")
    for name in ("lr", "softmax_lr", "temperature"):
        value = getattr(asked, name)
        if value is not None and not 0 < value < math.inf:
            raise SettingsError(f"{option(name)} must be positive and finite, got {value}")
    for name in ("updates", "train_strings", "seeds"):
        value = getattr(asked, name)
        if value is not None and value < 1:
            raise SettingsError(f"{option(name)} must be at least 1, got {value}")
    if asked.optimizer in BY_UNIT:
        raise SettingsError(
            f"--optimizer {asked.optimizer} cannot be used: the first layer has a row of weights per character, not "
            "per unit"
        )
    if asked.softmax_optimizer is not None and asked.softmax_lr is None:
        raise SettingsError(
            f"--softmax-optimizer {asked.softmax_optimizer} needs --softmax-lr, as each step has its own"
        )
    if asked.softmax_decay is not None and not 0 <= asked.softmax_decay < math.inf:
        raise SettingsError(f"--softmax-decay must be at least 0 and finite, got {asked.softmax_decay}")
    if asked.widths is not None and not (asked.widths and all(1 <= width <= WIDEST for width in asked.widths)):
        raise SettingsError(f"--widths must be one or more numbers in [1, {WIDEST}], got {asked.widths}")
    _check_rest(asked)


def _check_rest(asked: NextCharacter) -> None:
    if not 0 <= asked.seed < SEEDS - asked.seeds:
        raise SettingsError(f"--seed must be in [0, 2^63), with --seeds more of them, got {asked.seed}")
    if DEVICE.fullmatch(asked.device) is None:
        raise SettingsError(f"--device {asked.device} cannot be used here: it must be auto, cpu, cuda, cuda:N or mps")
    if asked.text is None and not asked.titles:
        raise SettingsError("--no-titles needs --text FILE: the fables have titles")
    for name in ("data_dir", "require_data"):
        if asked.text is not None and getattr(asked, name):
            raise SettingsError(f"{option(name)} cannot be used with --text, which names the only file")
    check_out(asked.out)
