"""The checks of local rules, one per function; `CHECKS` has them in order."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from convff.randomness import keyed_generator
from convff.rules import LocalUpdate, Seen, Setup
from convff.schedule import Schedule
from convff.testing.cases import Case, difference, relative_error, reloaded
from convff.testing.resuming import resumes
from convff.training.block_step import block_step
from convff.training.compiled import CompilationWarning, CompiledBlockStep
from convff.training.local_step import LocalStep

ROUNDING = 1e-9  # relative, of equal sums in another order, in float64
ROUNDING_OF_FLOAT32 = 1e-6


@torch.no_grad()
def _update(case: Case, seen: Seen, state: Any) -> LocalUpdate:
    """Ask the rule for its update."""
    update: LocalUpdate = case.rule.direction(seen, state)
    complete = all(hasattr(update, name) for name in LocalUpdate._fields)
    case.require(complete, f"`direction` returns a {type(update).__name__}, but must return a LocalUpdate")
    return update


def _directions(case: Case, seen: Seen, state: Any) -> dict[str, Tensor]:
    return _update(case, seen, state).dense(seen.block.layer)


def _is_finite(case: Case) -> None:
    block = case.first_block()
    update = _update(case, case.seen(block), case.rule.init(block))
    for name, tensor in update.dense(block.layer).items():
        bad = int((~tensor.isfinite()).sum())
        case.require(not bad, f"{bad} of {tensor.numel()} values are not finite in the direction of {name}")
    for name, metric in update.metrics.items():
        what = f"{type(metric).__name__} {list(metric.shape)}" if isinstance(metric, Tensor) else repr(metric)
        case.require(what == "Tensor []", f"the metric {name!r} must be a 0-d tensor, got {what}")
        case.require(not metric.requires_grad, f"the metric {name!r} carries a graph: detach it")
        case.require(metric.isfinite(), f"the metric {name!r} is not finite: {metric.item()}")


def _writes_to_nothing(case: Case) -> None:
    """A rule returns a direction and takes no step: parameters, buffers, input and activity stay unchanged."""
    block = case.first_block()
    seen = case.seen(block)
    shown = {f"the block's {name}": tensor for name, tensor in block.state_dict().items()}
    shown |= {"the input x": seen.x, "the activity a": seen.a, "the targets": seen.layout.targets}
    shown |= {f"beside the block, {name}": tensor for name, tensor in case.parameters(seen).items()}
    shown |= {} if seen.z is None else {"z": seen.z}
    shown |= {} if seen.layout.labels is None else {"the labels": seen.layout.labels}
    before = {name: tensor.clone() for name, tensor in shown.items()}
    _update(case, seen, case.rule.init(block))
    changed = difference(before, shown)
    case.require(not changed, f"`direction` must not write to what it is given, but changes {changed}")


def _covers_every_parameter(case: Case) -> None:
    block = case.first_block()
    seen = case.seen(block)
    got, wanted = _directions(case, seen, case.rule.init(block)), case.parameters(seen)
    case.require(
        got.keys() == wanted.keys(),
        f"there is a direction for {sorted(got)}, but the parameters are {sorted(wanted)}",
    )
    for name, parameter in wanted.items():
        of_direction, of_parameter = (f"{tensor.dtype} {list(tensor.shape)}" for tensor in (got[name], parameter))
        case.require(
            of_direction == of_parameter, f"the direction of {name} is {of_direction}, but {name} is {of_parameter}"
        )


def _gives_the_same_twice(case: Case) -> None:
    block = case.first_block()
    seen = case.seen(block)
    changed = difference(*(_directions(case, seen, case.rule.init(block)) for _ in range(2)))
    case.require(not changed, f"equal calls must give equal directions, but differ in {changed}")


def _is_local(case: Case) -> None:
    """Two steps give the first block the same weights, to the bit, whatever the weights of the block above."""
    ends = []
    for above in (0, 1):
        net = case.net(above)
        plain = Schedule(optimizer="sgd", lr=1e-3)  # Adam's first step would hide the length of a direction
        step = LocalStep(case.rule, Setup(net=net, labels=case.labels, schedule=plain))
        for turn in range(2):
            step(case.batch(turn), keyed_generator(turn, "draws"))
        ends.append(dict(next(iter(net)).layer.named_parameters()))
    changed = difference(*ends)
    case.require(
        not changed,
        f"it is not local: with other weights in the block above, two steps of the first block differ in {changed}",
    )


def _follows_its_loss(case: Case) -> None:
    """The direction is the gradient of the loss by automatic differentiation, if the rule has a loss."""
    if not hasattr(case.rule, "loss"):
        return
    block = case.first_block()
    seen = case.seen(block)
    directions = _directions(case, seen, case.rule.init(block))
    if hasattr(case.rule, "input_direction"):
        with torch.no_grad():
            directions["the input"] = case.rule.input_direction(seen)
    for name, grad in _gradients(case, seen).items():
        if name not in directions:  # not every rule has a direction for its input
            continue
        error = relative_error(directions[name], grad)
        case.require(
            error <= ROUNDING,
            f"the direction of {name} is not the gradient of `loss`, with a relative error of {error:.3g}; "
            f"rounding explains {ROUNDING:g} at most",
        )


def _gradients(case: Case, seen: Seen) -> dict[str, Tensor]:
    """Differentiate the rule's loss by the parameters and the input."""
    layer, x = seen.block.layer, seen.x.detach().requires_grad_()
    by = case.parameters(seen) | {"the input": x}
    with torch.enable_grad():
        z = layer(x)
        loss = case.rule.loss(seen._replace(x=x, a=seen.block.activate(z), z=None if seen.z is None else z))
    case.require(loss.ndim == 0 and loss.requires_grad, "`loss` must be a scalar that depends on the activity")
    grads = torch.autograd.grad(loss, list(by.values()), materialize_grads=True)
    return dict(zip(by, grads, strict=True))


def _keeps_its_state(case: Case) -> None:
    """A loaded state continues where it was saved, although the first one and another copy have continued."""
    block = case.first_block()
    first, second, third = (case.seen(block, turn) for turn in range(3))
    state = _update(case, first, case.rule.init(block)).state
    try:
        copy, other_copy = reloaded(state), reloaded(state)
    except Exception as error:
        raise case.broken(f"its state cannot be saved and loaded: {type(error).__name__}: {error}") from error
    update = _update(case, second, state)
    wanted = update.dense(block.layer)
    _update(case, third, update.state)
    _update(case, third, other_copy)
    changed = difference(wanted, _directions(case, second, copy))
    case.require(
        not changed,
        f"its state does not survive saving and loading: the next direction differs in {changed}; all that a rule "
        "remembers of a block belongs in `LocalUpdate.state`",
    )


def _compiles(case: Case) -> None:
    """Compiled, two steps give the same directions and metrics, up to rounding."""
    compiled_step = CompiledBlockStep(backend="aot_eager")  # traces everything, but needs no C++ compiler
    block = case.first_block()
    eager, compiled, beside = case.rule.init(block), case.rule.init(block), case.beside(block)
    for turn in range(2):
        h, layout = case.input(turn)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("error", CompilationWarning)
            _, wanted = block_step(block, case.rule, h, layout, eager, beside)
            try:
                _, got = compiled_step(block, case.rule, h, layout, compiled, beside)
            except CompilationWarning as warning:
                raise case.broken(f"it does not compile: {warning}") from warning
        eager, compiled = wanted.state, got.state
        _require_equal(case, "the direction of ", got.dense(block.layer), wanted.dense(block.layer))
        _require_equal(case, "the metric ", got.metrics, wanted.metrics)


def _require_equal(case: Case, what: str, got: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    for name, tensor in wanted.items():
        most = ROUNDING if tensor.dtype == torch.float64 else ROUNDING_OF_FLOAT32
        error = relative_error(got[name], tensor)
        case.require(
            error <= most,
            f"compiled, {what}{name} differs, with a relative error of {error:.3g}; rounding explains {most:g} at most",
        )


CHECKS: tuple[Callable[[Case], None], ...] = (
    _is_finite,
    _writes_to_nothing,
    _covers_every_parameter,
    _gives_the_same_twice,
    _is_local,
    _follows_its_loss,
    _keeps_its_state,
    resumes,
    _compiles,
)
