"""What every learning rule keeps to, as a function to call on a rule of one's own."""

from convff.rules import LocalRule, StartingRule
from convff.testing import local_rules, starting_rules
from convff.testing.cases import KINDS, Case


def check_rule(rule: LocalRule | StartingRule, *, num_classes: int = 4, kinds: tuple[str, ...] = KINDS) -> None:
    """Check that a rule keeps to the contract of `convff.rules.base`, on a dense and on a convolutional block.

    A local rule gives finite directions that cover every parameter, writes to nothing, needs nothing of the blocks
    above, follows the gradient of its loss if it has a method `loss`, keeps its state through saving and loading,
    compiles, and gives the same twice. A rule that brings a step of its own (`start`) takes some steps, names its
    optimisers, and has modules that can be saved and loaded. It takes a second or two, most of it for compiling.

    Args:
        rule: the rule, made: `MyRule()`.
        num_classes: number of classes to learn; the layers are twice as wide.
        kinds: of blocks; name "dense" or "convolutional" alone for a rule that is for one of them.

    Raises:
        AssertionError: the rule breaks the contract; the message says how and where.
        TypeError: it is no rule; the message names what is missing.
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
        error of 1; rounding makes 1e-09 at most
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
        raise TypeError(f"check_rule takes a rule that is made, {rule.__name__}(), and not its class")
    wanted = ["evaluations"]
    if not isinstance(rule, StartingRule):
        wanted += ["batch_reduction", "init", "direction"]
    missing = [name for name in wanted if not hasattr(rule, name)]
    if missing:
        raise TypeError(
            f"{type(rule).__name__} is no rule: it has no {', no '.join(missing)}; what a rule has is told by "
            "LocalRule in convff.rules.base, or by StartingRule for a rule with `start`"
        )
