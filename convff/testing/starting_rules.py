"""The checks of rules with their own step, one per function; `CHECKS` has them in order."""

from collections.abc import Callable

import torch

from convff.randomness import keyed_generator
from convff.rules import Setup, Step
from convff.schedule import Schedule
from convff.testing.cases import Case, difference, reloaded
from convff.testing.resuming import resumes

STEPS = 3


def _start(case: Case) -> Step:
    schedule = Schedule(optimizer=case.optimizer)
    step: Step = case.rule.start(Setup(net=case.net(), labels=case.labels, schedule=schedule))
    missing = [name for name in ("optimizers", "modules") if not hasattr(step, name)]
    case.require(not missing, f"its step has no {', no '.join(missing)}")
    return step


def _takes_steps(case: Case) -> None:
    step = _start(case)
    for turn in range(STEPS):
        for name, metric in step(case.batch(turn), keyed_generator(turn, "draws")).items():
            shape = list(metric.shape)
            case.require(len(shape) == 1, f"the metric {name!r} must be [blocks] or [1], got {shape}")
            case.require(
                metric.isfinite().all(), f"in step {turn + 1} the metric {name!r} is not finite: {metric.tolist()}"
            )


def _has_optimizers(case: Case) -> None:
    optimizers = list(_start(case).optimizers)
    case.require(
        optimizers and all(isinstance(each, torch.optim.Optimizer) for each in optimizers),
        f"its step must have optimisers, whose rate the trainer sets, got {optimizers}",
    )


def _has_modules_that_load(case: Case) -> None:
    """Modules trained beside the network can be saved, and loaded into those of a new step."""
    step, fresh = _start(case), _start(case)
    for turn in range(STEPS):
        step(case.batch(turn), keyed_generator(turn, "draws"))
    for name, module in step.modules.items():
        try:
            fresh.modules[name].load_state_dict(reloaded(module.state_dict()))
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            raise case.broken(f"its module {name!r} cannot be saved and loaded: {cause}") from error
        changed = difference(module.state_dict(), fresh.modules[name].state_dict())
        case.require(not changed, f"its module {name!r} does not survive saving and loading: it differs in {changed}")


CHECKS: tuple[Callable[[Case], None], ...] = (_takes_steps, _has_optimizers, _has_modules_that_load, resumes)
