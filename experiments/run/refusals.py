"""Options that would change nothing. Needs the tables of labels, gates and models, so it is no part of `config`."""

from convff import GATES, MODELS, RULES
from experiments.config.recipe import Recipe
from experiments.config.settings import Settings, SettingsError
from experiments.label_sets.choice import CHOOSABLE
from experiments.run.rules import takes
from labels import LABELS


def refuse_idle_options(settings: Settings, recipe: Recipe) -> None:
    """Refuse an option that would change nothing: it is a misunderstanding, and is not to be recorded."""
    rule = RULES[settings.rule]
    takes_intensity = takes(LABELS[settings.labels], "intensity")
    takes_theta = takes(GATES[recipe.gate], "theta")
    takes_label_scale = settings.labels == "layerwise" and takes(MODELS[recipe.model], "label_scale")
    idle = {
        "net": settings.model not in (None, "mlp") and f"--model {settings.model} is another network",
        "label_scale": not takes_label_scale and "it is for dense networks with --labels layerwise",
        "label_intensity": not takes_intensity and f"--labels {settings.labels} has no intensity",
        "label_selection": settings.labels not in CHOOSABLE
        and f"--labels {settings.labels} has no candidates ({', '.join(CHOOSABLE)} have)",
        "theta": not takes_theta and f"the {recipe.gate} gate has no threshold (--gate threshold has)",
    }
    if not settings.stabilise:
        idle["stabiliser_strength"] = "--stabilise names no stabiliser"
    if not takes(rule, "gate"):
        idle |= dict.fromkeys(("gate", "scale", "theta"), f"--rule {settings.rule} has no gates")
    if not hasattr(rule, "direction"):
        idle |= dict.fromkeys(("negatives", "compile", "engine"), f"--rule {settings.rule} has no local steps")
        idle["stabilise"] = f"--rule {settings.rule} has no Hebbian direction to stabilise"
    if "goodness" not in rule.evaluations:
        idle["candidates"] = f"--rule {settings.rule} has no goodness"
    if settings.inference == "linear":
        idle["candidates"] = "--inference linear tries no labels"
    for name, reason in idle.items():
        value = getattr(settings, name)
        if reason and value != getattr(Settings, name):
            given = " ".join(value) if isinstance(value, tuple) else value
            raise SettingsError(f"--{name.replace('_', '-')} {given} would change nothing: {reason}")
