"""The contract of learning rules, as a function to call on your own."""

from convff.rules import LocalRule, StartingRule
from convff.testing import local_rules, starting_rules
from convff.testing.cases import KINDS, Case


def check_rule(rule: LocalRule | StartingRule, *, num_classes: int = 4, kinds: tuple[str, ...] = KINDS) -> None:
    """Check that a rule fulfils the contract of `convff.rules.base`, on a dense and on a convolutional block.

    A local rule gives finite directions that cover every parameter, writes to nothing, needs nothing of the blocks
    above, follows the gradient of its loss if it has a method `loss`, keeps its state through saving and loading,
    compiles, and gives equal results for equal calls. A rule with its own step (`start`) takes some steps, names its
    optimisers, and has modules that can be saved and loaded. The check takes a second or two, mostly for compiling.

    Args:
        rule: the rule, an instance: `MyRule()`.
        num_classes: number of classes to learn; the layers are twice as wide.
        kinds: kinds of blocks; only "dense" or "convolutional" for a rule that is for one of them.

    Raises:
        AssertionError: the rule breaks the contract; the message says how and where.
        TypeError: it is not a rule; the message names what is missing.
        ValueError: the rule refuses the networks of the check, e.g. because it is for another number of classes.

    Example:
        >>> from convff import ForwardForward
        >>> class Halved(ForwardForward):
        ...     def loss(self, seen):
        ...         return super().loss(seen) / 2
        >>> check_rule(Halved())
        Traceback (most recent call last):
        ...
        AssertionError: Halved on a dense block: the direction of weight is not the gradient of `loss`, with a relative
        error of 1; rounding explains 1e-09 at most
    """
    _refuse_what_is_no_rule(rule)
    checks = starting_rules.CHECKS if isinstance(rule, StartingRule) else local_rules.CHECKS
    for kind in kinds:
        case = Case(rule=rule, kind=kind, num_classes=num_classes)
        if hasattr(rule, "check"):
            rule.check(case.net(), num_classes)
        for check in checks:
            check(case)


def _refuse_what_is_no_rule(rule: object) -> None:
    if isinstance(rule, type):
        raise TypeError(f"check_rule needs an instance, {rule.__name__}(), got the class")
    wanted = ["evaluations"]
    if not isinstance(rule, StartingRule):
        wanted += ["batch_reduction", "init", "direction"]
    missing = [name for name in wanted if not hasattr(rule, name)]
    if missing:
        raise TypeError(
            f"{type(rule).__name__} is not a rule: it has no {', no '.join(missing)}; see "
            "LocalRule in convff.rules.base, or StartingRule for a rule with `start`"
        )
