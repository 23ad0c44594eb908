"""What of a trainer makes up its state, and how another trainer takes it over."""

from typing import Any, Protocol

from torch import Tensor, nn

from convff.inference.readout import LinearReadout
from convff.labelling import Labels, TrainableLabels
from convff.network import LayerLocalNet
from convff.rules.base import Step
from convff.schedule import Schedule
from convff.training.health import HealthCheck
from convff.training.order import TOGETHER
from convff.training.state import Position, TrainingState, optimizer_states, restore_optimizer


class Resumable(Protocol):
    """What of a `Trainer` is saved and restored; see there."""

    net: LayerLocalNet
    labels: Labels
    step: Step
    schedule: Schedule
    readout: LinearReadout | None
    seed: int
    order: str
    redraw: bool
    position: Position
    health: HealthCheck | None


def state_of(trainer: Resumable) -> TrainingState:
    """Return the state of a trainer; see `Trainer.state`."""
    at, step = trainer.position, trainer.step
    return TrainingState.of(
        {
            "training": _must_match(trainer),
            "position": [at.epoch, at.step, at.totals, at.first_half, at.seconds],
            "net": trainer.net.state_dict(),
            "modules": {name: module.state_dict() for name, module in step.modules.items()},
            "optimizers": optimizer_states(step.optimizers),
            "rule": _rule_states(trainer),
            **({"contrast": memory} if (memory := _memory(trainer)) else {}),
            "labels": [parameter.data for parameter in _label_parameters(trainer)],
            "readout": None if trainer.readout is None else trainer.readout.training_state(),
            "health": None if trainer.health is None else trainer.health.state(),
        }
    )


def take_over(trainer: Resumable, state: TrainingState) -> None:
    """Give a trainer the state of another one.

    Raises:
        ValueError: the state is of another training.
    """
    mine = _must_match(trainer)
    try:
        if state.part("training") != mine:
            raise ValueError(f"the state must be of a training with {mine}, got {state.part('training')}")
        _restore(trainer, state)
    except (KeyError, RuntimeError, TypeError, IndexError) as error:
        raise ValueError(f"the state is of another training: {error}") from error


def _restore(trainer: Resumable, state: TrainingState) -> None:
    trainer.net.load_state_dict(state.part("net"))
    modules = state.part("modules")
    if modules.keys() != trainer.step.modules.keys():
        raise ValueError(f"the state must have the modules {sorted(trainer.step.modules)}, got {sorted(modules)}")
    for name, module in trainer.step.modules.items():
        module.load_state_dict(modules[name])
    for optimizer, remembered in zip(trainer.step.optimizers, state.part("optimizers"), strict=True):
        restore_optimizer(optimizer, remembered)
    memory = _memory(trainer)
    remembered = state.part("contrast") if "contrast" in state.about else {}
    if remembered.keys() != memory.keys():
        raise ValueError(f"the contrast must remember {sorted(memory)}, got {sorted(remembered)}")
    for name, tensor in remembered.items():
        memory[name] = tensor.to(memory[name])
    states = _rule_states(trainer)
    states[:] = state.part("rule", states)
    for parameter, value in zip(_label_parameters(trainer), state.part("labels"), strict=True):
        parameter.data.copy_(value)
    if trainer.readout is not None:
        trainer.readout.resume(state.part("readout"))
    remembered = state.part("health")
    trainer.health = None if remembered is None else HealthCheck.resumed(remembered)
    epoch, step, totals, first_half, seconds = state.part("position")
    device = next(trainer.net.parameters()).device
    totals, first_half = ({name: t.to(device) for name, t in part.items()} for part in (totals, first_half))
    trainer.position = Position(epoch, step, totals, first_half, seconds)


def _must_match(trainer: Resumable) -> dict[str, Any]:
    """Return what keys the order of the images, all draws, and which block learns when.

    What was saved before there were orders and repeats has none of their entries.
    """
    found: dict[str, Any] = {"seed": trainer.seed, "batch_size": trainer.schedule.batch_size}
    if trainer.schedule.repeats > 1:
        found["repeats"] = trainer.schedule.repeats
    if not trainer.redraw:
        found["redraw"] = False
    if trainer.order != TOGETHER:
        found |= {"order": trainer.order, "epochs": trainer.schedule.epochs}
    return found


def _rule_states(trainer: Resumable) -> list[Any]:
    """Return what the rule keeps of each block: the list itself, empty for rules with a step of their own."""
    states: list[Any] = getattr(trainer.step, "states", [])
    return states


def _memory(trainer: Resumable) -> dict[str, Tensor]:
    """Return what the contrast remembers of earlier passes: the dict itself, empty if it remembers nothing."""
    memory: dict[str, Tensor] = getattr(trainer.step, "memory", {})
    return memory


def _label_parameters(trainer: Resumable) -> list[nn.Parameter]:
    return list(trainer.labels.parameters()) if isinstance(trainer.labels, TrainableLabels) else []
