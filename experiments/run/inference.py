"""The evaluations that judge a run."""

from convff import EVALUATIONS, Evaluation
from experiments.config.own import short
from experiments.config.settings import Settings, SettingsError
from experiments.run.building import look_up

READOUT = "linear"


def evaluations_of(settings: Settings, rule: object) -> dict[str, Evaluation]:
    """Return the evaluations of a run by name: those of the rule that `--inference` keeps, and those that it adds.

    Raises:
        SettingsError: an evaluation does not apply to the rule, or there is none.

    Example:
        >>> from convff import ForwardForward
        >>> [list(evaluations_of(Settings(inference=(word,)), ForwardForward())) for word in ("both", "goodness")]
        [['goodness', 'linear'], ['goodness']]
    """
    own: tuple[str, ...] = rule.evaluations  # type: ignore[attr-defined]
    found: dict[str, Evaluation] = {}
    for word in settings.inference:
        if word in ("both", "goodness"):  # goodness also stands for whatever the rule has instead
            found |= {name: _evaluation(name) for name in own if word == "both" or name != READOUT}
            if word == "goodness" and set(own) == {READOUT}:
                raise SettingsError(f"--inference goodness: rule {settings.rule} sees no classes here, so none has any")
        elif word in EVALUATIONS and not EVALUATIONS[word].suits(word, own):
            raise SettingsError(f"--inference {word}: rule {settings.rule} is judged by {', '.join(own)}")
        else:
            found[word] = _evaluation(word)
    if not found:
        raise SettingsError("--inference must name at least one evaluation")
    return found


def title_of(name: str) -> str:
    """Return the name of an evaluation in tables.

    Example:
        >>> title_of("head"), title_of("mine.py:entropy")
        ('softmax head, trained by backpropagation', 'entropy')
    """
    return EVALUATIONS[name].title if name in EVALUATIONS else short(name)


def _evaluation(name: str) -> Evaluation:
    found = look_up("inference", name, EVALUATIONS)
    return found if isinstance(found, Evaluation) else Evaluation(title_of(name), found)
