"""Every rule keeps to the contract, and for each check there is a rule that it refuses."""

import ast
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

import convff
from convff import (
    RULES,
    STABILISERS,
    AtBlocks,
    AtOutput,
    AtStream,
    Autograd,
    Backpropagation,
    Batch,
    Block,
    ForwardForward,
    HebbianForwardForward,
    LocalUpdate,
    Outer,
    Seen,
    Setup,
    Softmax,
    Stabilised,
    Step,
    contrast_of,
)
from convff.outer import input_product
from convff.rules.wrapped import Wrapped
from convff.testing import check_rule, local_rules, starting_rules
from convff.testing.cases import Planes
from experiments.run.building import build
from tests.convff.samples import ON_ANY_NETWORK

CLASSES = 3
AT_OUTPUT = {f"{name}, label at the output": RULES[name](label_at=AtOutput(CLASSES)) for name in ("ff", "hebbff")}
PIECES = tuple(make() for make in STABILISERS.values())
RULES_TO_CHECK = AT_OUTPUT | {
    name: build(name, made, {}, {"num_classes": CLASSES}) for name, made in ON_ANY_NETWORK.items()
}
STABLE = {"ff, stabilised": Stabilised(rule=ForwardForward(), stabilisers=PIECES)}
IN_BLOCKS = {
    f"ff, label in every block, {'exact' if exact else 'frozen'}": ForwardForward(
        gate=Softmax(scale=8.0), label_at=AtBlocks(num_classes=CLASSES, exact=exact)
    )
    for exact in (False, True)
}
STREAM = {
    "ff, a stream of labels": ForwardForward(gate=Softmax(scale=8.0), label_at=AtStream(num_classes=CLASSES)),
    "hebbff, a stream of labels": HebbianForwardForward(label_at=AtStream(num_classes=CLASSES)),
}
BY_AUTOGRAD = [Autograd(rule=ForwardForward()), Autograd(rule=AT_OUTPUT["hebbff, label at the output"])]


@pytest.mark.parametrize("name", RULES_TO_CHECK | STABLE | IN_BLOCKS | STREAM)
def test_every_rule_keeps_to_the_contract(name: str) -> None:
    check_rule((RULES_TO_CHECK | STABLE | IN_BLOCKS | STREAM)[name], num_classes=CLASSES)


@pytest.mark.parametrize("rule", BY_AUTOGRAD, ids=["ff", "hebbff, label at the output"])
@pytest.mark.usefixtures("without_compiler")
def test_a_rule_by_autograd_keeps_to_the_contract(rule: Autograd) -> None:
    check_rule(rule, num_classes=CLASSES)


@pytest.mark.slow
@pytest.mark.parametrize("rule", BY_AUTOGRAD, ids=["ff", "hebbff, label at the output"])
def test_a_rule_by_autograd_compiles_too(rule: Autograd) -> None:
    check_rule(rule, num_classes=CLASSES)


def test_the_label_is_at_both_places() -> None:
    """Else the test above would check less than it says."""
    assert list(AT_OUTPUT) == ["ff, label at the output", "hebbff, label at the output"]
    batch = Batch(torch.rand(2, 1, 3, 3), torch.tensor([0, 2]))
    for rule, passes in ((RULES["ff"](), 2), (AT_OUTPUT["ff, label at the output"], 1)):
        inputs, layout = contrast_of(rule, Planes(CLASSES))(batch, torch.Generator())
        assert (len(inputs), layout.passes) == (2 * passes, passes)
    labelled = Planes(CLASSES)(batch.inputs, torch.tensor([[0, 1], [2, 0]]))
    expected = batch.inputs[:, None] + torch.tensor([[0, 1], [2, 0]])[:, :, None, None, None] / CLASSES
    assert torch.equal(labelled, expected)


def ff(**overridden: Callable[..., Any]) -> ForwardForward:
    """FF with some of its methods replaced."""
    return type("Broken", (ForwardForward,), overridden)()


def changed(change: Callable[[Seen, LocalUpdate], LocalUpdate]) -> ForwardForward:
    """FF whose update is changed before it is given."""
    return ff(direction=lambda self, seen, state: change(seen, ForwardForward.direction(self, seen, state)))


def with_weight(change: Callable[[Tensor], Tensor]) -> ForwardForward:
    """FF whose direction of the weight is changed."""

    def changed_weight(seen: Seen, update: LocalUpdate) -> LocalUpdate:
        whole = update.dense(seen.block.layer)
        return update._replace(terms=(whole | {"weight": change(whole["weight"])},))

    return changed(changed_weight)


def with_metric(metric: object) -> ForwardForward:
    return changed(lambda seen, update: update._replace(metrics={"odd": metric}))


def writing(write: Callable[[Seen], object]) -> ForwardForward:
    """FF that writes to something."""

    def written(seen: Seen, update: LocalUpdate) -> LocalUpdate:
        write(seen)
        return update

    return changed(written)


def with_nan(tensor: Tensor) -> Tensor:
    return tensor.flatten().index_fill(0, torch.tensor([0]), torch.nan).view(tensor.shape)


DRAWS = torch.Generator()


class Peeping(ForwardForward):
    """Remembers the blocks that it was started for, and looks at the last one."""

    blocks: ClassVar[list[Block]] = []

    def init(self, block: Block) -> None:
        self.blocks.append(block)

    def direction(self, seen: Seen, state: None) -> LocalUpdate:
        whole = super().direction(seen, state).dense(seen.block.layer)
        return LocalUpdate(
            ({name: tensor * self.blocks[-1].layer.bias[0] for name, tensor in whole.items()},), None, {}
        )


class Averaging(Wrapped):
    """A running mean of a direction, kept in a place of its own: the state is only the key to it."""

    rule = HebbianForwardForward()
    memory: ClassVar[dict[int, Tensor]] = {}

    def init(self, block: Block) -> int:
        self.memory[id(block)] = torch.zeros_like(block.layer.weight)
        return id(block)

    def direction(self, seen: Seen, state: int) -> LocalUpdate:
        update = self.rule.direction(seen, None)
        whole = update.dense(seen.block.layer)
        self.memory[state] = 0.9 * self.memory[state] + 0.1 * whole["weight"]
        return update._replace(terms=(whole | {"weight": self.memory[state]},), state=state)


COUNT = itertools.count()


class Counting(ForwardForward):
    """Remembers outside its state how often it was asked."""

    def direction(self, seen: Seen, state: None) -> LocalUpdate:
        update = super().direction(seen, state)
        return update._replace(metrics=update.metrics | {"asked": torch.tensor(float(next(COUNT)))})


REFUSED: dict[str, list[tuple[Any, str]]] = {
    "_is_finite": [
        (with_weight(with_nan), "1 of 432 values are not finite in the direction of weight"),
        (with_metric(torch.tensor(torch.inf)), "the metric 'odd' is not finite: inf"),
        (with_metric(torch.zeros(3)), r"the metric 'odd' must be a 0-d tensor, got Tensor \[3\]"),
        (with_metric(0.5), "the metric 'odd' must be a 0-d tensor, got 0.5"),
        (with_metric(torch.tensor(0.0, requires_grad=True)), "the metric 'odd' carries a graph"),
        (ff(direction=lambda self, seen, state: {}), "`direction` returns a dict, but must return a LocalUpdate"),
    ],
    "_writes_to_nothing": [
        (
            writing(lambda seen: seen.block.layer.weight[0, 0].add_(0.5)),
            "changes the block's layer.weight by up to 0.5",
        ),
        (writing(lambda seen: seen.x[0].add_(0.25)), "changes the input x by up to 0.25"),
        (writing(lambda seen: seen.a.add_(2)), "changes the activity a by up to 2"),
        (writing(lambda seen: seen.layout.targets.add_(1)), "changes the targets by up to 1, the labels by up to 1"),
        (writing(lambda seen: seen.layout.labels[:, 1:].add_(1)), "changes the labels by up to 1"),
    ],
    "_covers_every_parameter": [
        (
            changed(lambda seen, update: update._replace(terms=({"weight": seen.block.layer.weight},))),
            r"a direction for \['weight'\], but the parameters are \['bias', 'weight'\]",
        ),
        (
            with_weight(lambda weight: weight.float()),
            r"is torch.float32 \[6, 72\], but weight is torch.float64 \[6, 72\]",
        ),
        (with_weight(lambda weight: weight[:1]), r"is torch.float64 \[1, 72\], but weight is torch.float64 \[6, 72\]"),
    ],
    "_gives_the_same_twice": [
        (
            with_weight(lambda weight: weight + torch.rand(1, generator=DRAWS)),
            "equal directions, but differ in weight by up to",
        ),
    ],
    "_is_local": [
        (Peeping(), "not local: .* two steps of the first block differ in weight by up to .*, bias by up to")
    ],
    "_follows_its_loss": [
        (
            ff(loss=lambda self, seen: ForwardForward.loss(self, seen) / 2),
            "the direction of weight is not the gradient of `loss`, with a relative error of 1; rounding explains 1e-",
        ),
        (
            ff(loss=lambda self, seen: ForwardForward.loss(self, seen) * (1 + 1e-8)),
            "the direction of weight is not the gradient of `loss`, with a relative error of 1e-08",
        ),
        (
            ff(input_direction=lambda self, seen: -ForwardForward.input_direction(self, seen)),
            "the direction of the input is not the gradient of `loss`, with a relative error of 2",
        ),
        (ff(loss=lambda self, seen: torch.tensor(1.0)), "`loss` must be a scalar that depends on the activity"),
        (ff(loss=lambda self, seen: self.goodness(seen.a)), "`loss` must be a scalar that depends on the activity"),
    ],
    "_keeps_its_state": [
        (changed(lambda seen, update: update._replace(state=lambda: 1)), "its state cannot be saved and loaded: "),
        (Averaging(), "does not survive saving and loading: the next direction differs in weight by up to"),
    ],
    "resumes": [(Counting(), "a resumed training reports other metrics than one that was not interrupted")],
    "_compiles": [
        (
            with_weight(lambda weight: weight * (1 + torch.compiler.is_compiling())),
            "compiled, the direction of weight differs, with a relative error of 1; rounding explains 1e-09",
        ),
    ],
}


@pytest.mark.parametrize(
    ("check", "rule", "message"),
    [(check, rule, message) for check, broken in REFUSED.items() for rule, message in broken],
)
def test_a_broken_rule_is_refused_by_the_check_for_it(check: str, rule: Any, message: str) -> None:
    refused(check, rule, f"{type(rule).__name__} on a dense block: .*{message}")


def refused(check: str, rule: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message) as caught:
        check_rule(rule, num_classes=CLASSES)
    assert check in [entry.name for entry in caught.traceback]


def test_a_rule_that_cannot_be_compiled_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> object:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", broken)
    message = "ForwardForward on a dense block: it does not compile: .* without it: no compiler here"
    refused("_compiles", ForwardForward(), message)


class Squares(ForwardForward):
    """Raises the squares of z in the pass with the right label: a loss of z, and not of the activity."""

    wants_z: ClassVar[bool] = True

    def loss(self, seen: Seen) -> Tensor:
        return -seen.layout.by_image(seen.z)[:, 0].square().sum() / 2

    def direction(self, seen: Seen, state: None) -> LocalUpdate:
        return super().direction(seen, state)._replace(terms=(Outer(seen.x, self.post(seen)),))

    def input_direction(self, seen: Seen) -> Tensor:
        return input_product(seen.x, self.post(seen), seen.block.layer)

    def post(self, seen: Seen) -> Tensor:
        of_right = -seen.layout.by_image(seen.z)
        of_right[:, 1:] = 0
        return of_right.flatten(0, 1)


@pytest.mark.usefixtures("without_compiler")
def test_a_rule_that_wants_z_is_shown_it_with_its_graph() -> None:
    check_rule(Squares(), num_classes=CLASSES)


class Changed:
    """A step with another call, or other attributes."""

    def __init__(self, step: Step, seen: Callable[..., Any], attributes: dict[str, object]) -> None:
        self.step, self.seen = step, seen
        self.optimizers, self.modules = step.optimizers, step.modules
        vars(self).update(attributes)

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        return self.seen(self.step(batch, generator))


def starting(seen: Callable[..., Any] = dict, **attributes: Callable[[], object]) -> Backpropagation:
    """Backpropagation with something of its step changed; attributes are made for each step."""

    def start(self: Backpropagation, setup: Setup) -> Changed:
        made = {name: make() for name, make in attributes.items()}
        return Changed(Backpropagation.start(self, setup), seen, made)

    return type("Broken", (Backpropagation,), {"start": start})()


class Forgetful(nn.Linear):
    def load_state_dict(self, *arguments: object, **options: object) -> None:
        """Loads nothing."""


WIDTHS = itertools.count(1)
REFUSED_STEPS: dict[str, list[tuple[Any, str]]] = {
    "_takes_steps": [
        (
            starting(lambda metrics: {"loss": torch.tensor([1.0, torch.nan])}),
            r"in step 1 the metric 'loss' is not finite: \[1.0, nan\]",
        ),
        (
            starting(lambda metrics: {"loss": torch.tensor(1.0)}),
            r"the metric 'loss' must be \[blocks\] or \[1\], got",
        ),
    ],
    "_has_optimizers": [
        (starting(optimizers=list), r"its step must have optimisers, whose rate the trainer sets, got \[\]")
    ],
    "_has_modules_that_load": [
        (
            starting(modules=lambda: {"head": nn.Linear(next(WIDTHS), 1)}),
            "its module 'head' cannot be saved and loaded",
        ),
        (
            starting(modules=lambda: {"head": Forgetful(3, 2)}),
            "its module 'head' does not survive saving and loading: it differs in weight by up to .*, bias by up to",
        ),
    ],
    "resumes": [
        (
            starting(lambda metrics: {"loss": torch.tensor([float(next(COUNT))])}),
            "a resumed training reports other metrics than one that was not interrupted",
        )
    ],
}


@pytest.mark.parametrize(
    ("check", "rule", "message"),
    [(check, rule, message) for check, broken in REFUSED_STEPS.items() for rule, message in broken],
)
def test_a_broken_step_is_refused_by_the_check_for_it(check: str, rule: Any, message: str) -> None:
    refused(check, rule, f"Broken on a dense block: {message}")


def test_each_check_refuses_something() -> None:
    assert list(REFUSED) == [check.__name__ for check in local_rules.CHECKS]
    assert list(REFUSED_STEPS) == [check.__name__ for check in starting_rules.CHECKS]


@pytest.mark.usefixtures("without_compiler")
def test_a_convolutional_block_is_checked_too() -> None:
    rule = with_weight(lambda weight: with_nan(weight) if weight.ndim == 4 else weight)
    refused("_is_finite", rule, "Broken on a convolutional block: 1 of 108 values are not finite")


def test_what_is_no_rule_is_told_what_it_lacks() -> None:
    class Half:
        evaluations = ("goodness",)

        def init(self, block: Block) -> None: ...

    class Started:
        def start(self, setup: Setup) -> None: ...

    with pytest.raises(TypeError, match="Half is not a rule: it has no batch_reduction, no direction; see LocalRule"):
        check_rule(Half())
    with pytest.raises(TypeError, match="Started is not a rule: it has no evaluations; see LocalRule"):
        check_rule(Started())
    with pytest.raises(TypeError, match=r"needs an instance, ForwardForward\(\), got the class"):
        check_rule(ForwardForward)


def test_a_rule_for_another_number_of_classes_is_refused_by_itself() -> None:
    with pytest.raises(ValueError, match="the groups of channels are for 3 classes, got 4"):
        check_rule(AT_OUTPUT["ff, label at the output"])


def test_a_check_leaves_global_randomness_alone() -> None:
    before = torch.get_rng_state()
    refused("_follows_its_loss", ff(loss=lambda self, seen: -ForwardForward.loss(self, seen)), "relative error of 2")
    assert torch.equal(before, torch.get_rng_state())


def test_nothing_but_a_user_imports_the_checks() -> None:
    root = Path(convff.__file__).parent
    others = [path for path in root.rglob("*.py") if path.parent.name != "testing"]
    assert len(others) > 50
    for path in others:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(str(name).startswith("convff.testing") for name in names), path
