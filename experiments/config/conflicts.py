"""Settings that contradict each other, among the names that the package brings. Imports no torch.

`experiments.run.refusals` asks rules, gates and networks themselves, and so knows about parts of the user's own. It
needs torch, though, and seconds. This table knows the same about our own parts; a test holds it to what they say.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from experiments.config.names import names_in
from experiments.config.presets import recipe_for
from experiments.config.presets.one_pass import RULES as BASELINES
from experiments.config.ranges import option
from experiments.config.settings import LABEL_FREE_RULES, LABELS_APART, SETTLING, Settings, SettingsError

# The options that others depend on, and where their names are.
TABLES = {
    "rule": ("convff/rules/__init__.py", "RULES"),
    "label_at": ("convff/places/__init__.py", "PLACES"),
    "labels": ("labels/__init__.py", "LABELS"),
    "gate": ("convff/gates/__init__.py", "GATES"),
    "model": ("convff/models/__init__.py", "MODELS"),
    "order": ("convff/training/order.py", "ORDERS"),
    "optimizer": ("convff/optimizers/__init__.py", "OPTIMIZERS"),
}
PLACED_RULES = ("ff", "hebbff")  # rules whose label can be at several places
OF_NEGATIVES = ("negatives", "negatives_from")  # which a contrast of the user's own may take anywhere
OF_GOODNESS = ("gate", "scale", "theta", "reduction", "stabilise", "candidates", "label_form", "label_gains")
ELSEWHERE = ("blocks", "output", "gains")  # no label image of any kind
UNUSUAL = ("activity", "minus_mean", "minus_sum", "minus_activity")  # reductions that are not of plain squares
NOWHERE = "nowhere"
UNPLACED = (*BASELINES[:-1], "recurrent", BASELINES[-1])  # rules without a place of the label
OF_PLACES = ("candidates", "label_form", "label_gains")  # options that only those with a place take
CONVOLUTIONS = ("cnn3", "cnn6", "resnet", "deephebb", "fasthebb", "resnet_he")
WITHOUT_DECAY = ("relative", "orthogonal", "per_neuron", "norm_dependent", "sign")


class Conflict(NamedTuple):
    """An option, or some of its values, that cannot be used with some values of another.

    Args:
        name: the option.
        values: its values; all if empty.
        other: the option on which it depends.
        others: values of that with which it cannot be used.
    """

    name: str
    values: tuple[str, ...]
    other: str
    others: tuple[str, ...]


def _conflicts() -> Iterator[Conflict]:
    anything: tuple[str, ...] = ()
    yield Conflict("label_at", (*ELSEWHERE, *LABELS_APART), "rule", UNPLACED)
    for name in (*OF_GOODNESS, *OF_NEGATIVES):
        yield Conflict(name, anything, "rule", UNPLACED if name in OF_PLACES else BASELINES)
    for name in ("similarity", "stagger", "contrast", "compile", "engine", "label_regions", "coarse_blocks"):
        yield Conflict(name, anything, "rule", ("ghl", "recurrent", "bp"))
    yield Conflict("order", ("one_by_one",), "rule", ("ghl", "recurrent", "bp"))
    yield Conflict("stagger", anything, "order", ("one_by_one",))
    yield Conflict("cache_gib", anything, "order", ("together",))
    yield Conflict("negatives_from", ("neutral",), "order", ("one_by_one",))
    for name in ("labels", "label_intensity", "label_selection", "label_scale", "label_planes"):
        yield Conflict(name, anything, "rule", LABEL_FREE_RULES)
        yield Conflict(name, anything, "label_at", (*ELSEWHERE, NOWHERE))
    for name in ("label_intensity", "label_scale", "label_planes"):
        yield Conflict(name, anything, "label_at", LABELS_APART)
    yield Conflict("similarity", anything, "rule", ("hebbff", "softhebb"))
    yield Conflict("engine", anything, "rule", ("softhebb",))
    yield Conflict("blurs", anything, "rule", UNPLACED)
    yield from _conflicts_of_competition()
    yield Conflict("weight_decay", anything, "optimizer", WITHOUT_DECAY)
    yield Conflict("reduction", ("sum", *UNUSUAL), "rule", ("hebbff",))
    yield Conflict("reduction", UNUSUAL, "label_at", ("blocks", "gains", *LABELS_APART))
    yield Conflict("stabilise", anything, "label_at", ("blocks", "gains", *LABELS_APART))
    for name in (*OF_NEGATIVES, "candidates"):
        yield Conflict(name, anything, "label_at", (*ELSEWHERE, *LABELS_APART, NOWHERE))
    yield Conflict("label_regions", anything, "label_at", ("image", "gains", *LABELS_APART, NOWHERE))
    yield Conflict("coarse_blocks", anything, "label_at", ("image", NOWHERE))
    yield Conflict("label_form", anything, "label_at", ("image", "output", "gains", *LABELS_APART, NOWHERE))
    yield Conflict("label_gains", anything, "label_at", ("image", "blocks", "output", *LABELS_APART, NOWHERE))
    yield Conflict("similarity", anything, "label_at", (NOWHERE,))
    yield Conflict("blurs", anything, "label_at", ("image", *ELSEWHERE, *LABELS_APART))
    yield Conflict("contrast", ("labelled",), "label_at", (*ELSEWHERE, *LABELS_APART, NOWHERE))
    yield Conflict("contrast", ("unlabelled",), "label_at", ("image", *LABELS_APART, NOWHERE))
    yield Conflict("contrast", ("stream",), "label_at", ("image", *ELSEWHERE, "beside", NOWHERE))
    yield Conflict("contrast", ("beside",), "label_at", ("image", *ELSEWHERE, "stream", NOWHERE))
    yield Conflict("contrast", ("hybrid",), "label_at", ("image", *ELSEWHERE, *LABELS_APART))
    yield Conflict("contrast", ("labelled", "stream", "beside", "hybrid"), "rule", ("local_head", "softhebb"))
    yield Conflict("labels", ("learned",), "rule", ("bp",))
    yield Conflict("labels", ("morph", "channel", "layerwise", "echo", "learned"), "label_at", LABELS_APART)
    yield Conflict("label_intensity", anything, "labels", ("onehot", "channel", "layerwise", "learned"))
    yield Conflict("label_selection", anything, "labels", ("onehot", "channel", "layerwise", "echo", "learned"))
    yield Conflict("label_planes", anything, "labels", ("onehot", "fourier", "morph", "layerwise", "echo", "learned"))
    yield Conflict("label_scale", anything, "labels", ("onehot", "fourier", "morph", "channel", "echo", "learned"))
    yield from _conflicts_of_networks()
    yield Conflict("theta", anything, "gate", ("symmetric", "softmax"))


def _conflicts_of_competition() -> Iterator[Conflict]:
    anything: tuple[str, ...] = ()
    yield Conflict("losers", anything, "rule", ("ff", "hebbff", "local_head", "ghl", "recurrent", "bp"))
    yield Conflict("temperature", anything, "rule", ("ff", "hebbff", "local_head", "recurrent", "bp"))
    yield Conflict("block_factors", anything, "rule", ("ghl", "recurrent", "bp"))
    for name in ("signal", "rest_factor"):
        yield Conflict(name, anything, "rule", ("ff", "hebbff", "local_head", "softhebb", "recurrent", "bp"))


def _conflicts_of_networks() -> Iterator[Conflict]:
    anything: tuple[str, ...] = ()
    yield Conflict("label_scale", anything, "model", (*CONVOLUTIONS, "local_fields", *SETTLING))
    yield Conflict("net", anything, "model", (*CONVOLUTIONS, *SETTLING))
    for name in ("skip", "whiten", "pool_after"):
        yield Conflict(
            name,
            anything,
            "model",
            tuple(each for each in (*CONVOLUTIONS, "mlp", "local_fields", *SETTLING) if each != "cnn6"),
        )
    yield Conflict("widths", anything, "model", ("cnn3", "recurrent_local"))
    yield Conflict(
        "depth", anything, "model", ("cnn6", "mlp", "local_fields", "resnet", "deephebb", "fasthebb", "recurrent_mlp")
    )


def _conflicts_of_settling() -> Iterator[Conflict]:
    rule, anything = ("recurrent",), ()
    others = tuple(name for name in names_in(*TABLES["rule"]) if name not in rule)
    for name in ("iterations", "counted", "learn_from", "damping", "updates"):
        yield Conflict(name, anything, "rule", others)
    yield Conflict("label_at", (NOWHERE,), "rule", rule)
    stabilisers = names_in("convff/stabilisers/__init__.py", "STABILISERS")
    yield Conflict("stabilise", tuple(name for name in stabilisers if name != "peer"), "rule", rule)
    yield Conflict("inference", ("settled",), "rule", others)
    yield Conflict("model", SETTLING, "rule", tuple(name for name in others if name != "bp"))
    models = names_in(*TABLES["model"])
    yield Conflict("model", tuple(name for name in models if name not in SETTLING), "rule", rule)


def _conflicts_of_inference() -> Iterator[Conflict]:
    yield Conflict("inference", ("head",), "rule", ("ff", "hebbff", "local_head", "softhebb", "recurrent"))
    yield Conflict("inference", ("local_heads",), "rule", ("ff", "hebbff", "softhebb", "ghl", "recurrent", "bp"))
    yield Conflict("inference", ("dropout",), "rule", ("ff", "hebbff", "local_head", "ghl", "recurrent", "bp"))
    judged = {"groups": "output", "blocks": "blocks", "gains": "gains", "beside": "beside", "stream": "stream"}
    for evaluation, place in judged.items():
        others = tuple(each for each in ("image", *judged.values(), NOWHERE) if each != place)
        yield Conflict("inference", (evaluation,), "rule", UNPLACED)
        yield Conflict("inference", (evaluation,), "label_at", others)
    yield Conflict("inference", ("goodness",), "label_at", (NOWHERE,))  # else it stands for what a rule has instead
    for evaluation in ("goodness_from", "goodness_train"):
        yield Conflict("inference", (evaluation,), "rule", UNPLACED)
        yield Conflict("inference", (evaluation,), "label_at", (*ELSEWHERE, *LABELS_APART, NOWHERE))


CONFLICTS = (*_conflicts(), *_conflicts_of_settling(), *_conflicts_of_inference())


def check_together(settings: Settings, given: frozenset[str]) -> None:
    """Raise for an option that would change nothing, or that another makes impossible.

    Args:
        settings: the settings, each in its range.
        given: the options that say something: a default value only where the default depends on other options.

    Raises:
        SettingsError: the message names both options, and the values of the other with which it can be used.

    Example:
        >>> check_together(Settings(negatives=2, label_at="output"), frozenset({"negatives"}))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: --negatives 2 cannot be used with --label-at output; it can with
        --label-at image
    """
    recipe = recipe_for(settings)
    values: dict[str, Any] = {name: getattr(settings, name) for name in TABLES}
    values |= {
        "gate": recipe.gate,
        "order": recipe.order,
        "optimizer": recipe.optimizer,
        "model": settings.model if "net" in given and settings.model else recipe.model,
    }
    for conflict in CONFLICTS:
        if conflict.name in given and values[conflict.other] in conflict.others and _applies(conflict, settings):
            _refuse(conflict, settings, values[conflict.other])
    if settings.stabiliser_strength is not None and not settings.stabilise:
        raise SettingsError("--stabiliser-strength would change nothing: --stabilise names no stabiliser")
    if settings.candidates is not None and settings.inference == ("linear",):
        raise SettingsError("--candidates would change nothing: --inference linear tries no labels (goodness does)")
    if recipe.cache_gib and recipe.redraw:
        raise SettingsError(
            f"--cache-gib {recipe.cache_gib:g} cannot be used with --redraw True: new draws change the outputs of "
            "finished blocks; it can with --redraw False"
        )
    depth = len(recipe.model_options.get("widths", ()))
    if beyond := [str(layer) for layer in settings.pool_after or () if layer > depth > 0]:
        raise SettingsError(f"--pool-after {' '.join(beyond)}: there is no such layer, it must be at most {depth}")


def _applies(conflict: Conflict, settings: Settings) -> bool:
    """Return whether a conflict is about these values, and about no part of the user's own."""
    value = getattr(settings, conflict.name)
    if conflict.other == "label_at" and settings.rule not in PLACED_RULES:
        return False  # a rule of the user's own may take it otherwise; the baselines have no place of the label
    if conflict.name in OF_NEGATIVES and settings.contrast is not None:
        return False
    if not conflict.values:
        return True
    return any(each in conflict.values for each in (value if isinstance(value, tuple) else (value,)))


def _refuse(conflict: Conflict, settings: Settings, other: Any) -> None:
    value = getattr(settings, conflict.name)
    shown = " ".join(map(str, value)) if isinstance(value, tuple) else "" if value is True else str(value)
    asked, elsewhere = f"{option(conflict.name)} {shown}".strip(), option(conflict.other)
    allowed = [name for name in names_in(*TABLES[conflict.other]) if name not in conflict.others]
    raise SettingsError(
        f"{asked} cannot be used with {elsewhere} {other}; it can with {elsewhere} {' or '.join(allowed)}"
    )
