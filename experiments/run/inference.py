"""Which evaluations a run is judged by."""

from convff import EVALUATIONS, Evaluation
from experiments.config.own import short
from experiments.config.settings import Settings, SettingsError
from experiments.run.building import look_up

READOUT = "linear"


def evaluations_of(settings: Settings, rule: object) -> dict[str, Evaluation]:
    """Return the evaluations of a run by name: those that `--inference` leaves of the rule's own, and those it adds.

    Raises:
        SettingsError: an evaluation that does not make sense for the rule, or none at all.

    Example:
        >>> from convff import ForwardForward
        >>> [list(evaluations_of(Settings(inference=(word,)), ForwardForward())) for word in ("both", "goodness")]
        [['goodness', 'linear'], ['goodness']]
    """
    own: tuple[str, ...] = rule.evaluations  # type: ignore[attr-defined]
    found: dict[str, Evaluation] = {}
    for word in settings.inference:
        if word in ("both", "goodness"):  # goodness also stands for whatever the rule has in its place
            found |= {name: _evaluation(name) for name in own if word == "both" or name != READOUT}
        elif word in EVALUATIONS and word not in own:
            raise SettingsError(f"--inference {word}: rule {settings.rule} is judged by {', '.join(own)}")
        else:
            found[word] = _evaluation(word)
    if not found:
        raise SettingsError("--inference names nothing to judge by")
    return found


def title_of(name: str) -> str:
    """Return what tables call an evaluation.

    Example:
        >>> title_of("head"), title_of("mine.py:entropy")
        ('softmax head, trained by backpropagation', 'entropy')
    """
    return EVALUATIONS[name].title if name in EVALUATIONS else short(name)


def _evaluation(name: str) -> Evaluation:
    found = look_up("inference", name, EVALUATIONS)
    return found if isinstance(found, Evaluation) else Evaluation(title_of(name), found)
