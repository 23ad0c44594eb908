"""What a trained network needs, beside itself, to be used without any data: as notes and tensors of a checkpoint."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from convff.checkpoint import Checkpoint, FewNumbers
from convff.data import ImageData
from convff.evaluations import Context
from convff.inference.readout import LinearReadout
from convff.inference.softmax_readout import SoftmaxReadout
from convff.labelling import Labels
from convff.network import LayerLocalNet
from convff.rules.base import Setup
from convff.schedule import Schedule, usual_optimizer
from convff.specs import OwnPartError, from_spec, spec_of
from convff.training.local_step import start

FORMAT = 1
READOUT_KINDS: dict[str, type[LinearReadout]] = {kind.evaluation: kind for kind in (LinearReadout, SoftmaxReadout)}
NUMBERS = ("first_block", "first_scored", "candidates", "precision")


def notes_for(run: Context, evaluations: Iterable[str], modules: Mapping[str, nn.Module]) -> dict[str, Any]:
    """Return what a checkpoint notes so that its network can be used without data.

    Args:
        run: the context that evaluations of the network get.
        evaluations: names of the evaluations, the one that judges the network first.
        modules: what was trained or fitted beside the network, by name.

    Example:
        >>> from convff import ForwardForward
        >>> from labels import NoLabels
        >>> run = Context(rule=ForwardForward(), labels=NoLabels(2), train=no_images((1, 8, 8), ("a", "b")))
        >>> notes_for(run, ["goodness"], {})["rule"]["kind"]
        'ForwardForward'
    """
    readouts = {
        name: {
            "kind": module.evaluation,
            "first": module.first,
            "grid": module.grid,
            "normalised": module.normalised,
        }
        for name, module in modules.items()
        if isinstance(module, LinearReadout)
    }
    numbers = {name: getattr(run, name) for name in NUMBERS}
    about = {"format": FORMAT, "rule": spec_of(run.rule), "evaluations": list(evaluations), "readouts": readouts}
    return about | numbers | {"torch": torch.__version__}


def tensors_of(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Return the tensors of modules for `Checkpoint.extra`.

    Args:
        modules: the modules, by name.

    Example:
        >>> list(tensors_of({"readout": nn.Linear(2, 3)}))
        ['readout.weight', 'readout.bias']
    """
    return {f"{name}.{key}": tensor for name, module in modules.items() for key, tensor in module.state_dict().items()}


def no_images(shape: tuple[int, int, int], class_names: tuple[str, ...]) -> ImageData:
    """Return an empty image set: what evaluations know of the training images of a network that has none left.

    Example:
        >>> len(no_images((1, 8, 8), ("a", "b")))
        0
    """
    nothing = torch.zeros(0, *shape, dtype=torch.uint8)
    return ImageData(nothing, torch.zeros(0, dtype=torch.int64), class_names, "no images")


def rule_of(notes: Mapping[str, Any]) -> Any:
    """Return the rule that the notes of a checkpoint describe.

    Raises:
        ValueError: they describe none, or one of the user's own; the message says what to pass.
    """
    if "classifier" not in notes:
        raise ValueError(
            "was written before checkpoints held their rule: pass the rule that the network learnt by as `rule=`, "
            "such as rule=convff.ForwardForward()"
        )
    try:
        return from_spec(notes["classifier"]["rule"])
    except OwnPartError as error:
        raise ValueError(
            f"has a rule with a part of your own ({error}): build the rule, and pass it as `rule=`"
        ) from error


class _Rest:
    """An optimiser that never takes a step."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.param_groups = [{"params": list(parameters), "lr": 0.0}]

    def register_step_post_hook(self, hook: object) -> None:
        """Do nothing: there is no step."""


class Resting(Schedule):
    """A schedule for networks that are used and not trained: to make an optimiser of torch's imports its compiler.

    That takes a third of the time in which a command starts.

    Example:
        >>> Resting().make_optimizer([nn.Parameter(torch.ones(1))]).param_groups[0]["lr"]
        0.0
    """

    def make_optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return an optimiser that never takes a step."""
        return cast("torch.optim.Optimizer", _Rest(parameters))

    make_optimizer_beside = make_rest_optimizer = make_optimizer


def modules_of(checkpoint: Checkpoint, labels: Labels, rule: Any) -> dict[str, nn.Module]:
    """Return what was trained or fitted beside the network of a checkpoint, by name.

    Args:
        checkpoint: the checkpoint.
        labels: the label generator.
        rule: the rule, which makes the modules that it trains.

    Raises:
        ValueError: the tensors do not fit the rule.

    Example:
        >>> from convff import ForwardForward, cnn3
        >>> from labels import NoLabels
        >>> net, rule, labels = cnn3((1, 8, 8), width=4, kernel=3), ForwardForward(), NoLabels(2)
        >>> run = Context(rule=rule, labels=labels, train=no_images((1, 8, 8), ("a", "b")))
        >>> about = {"image_shape": [1, 8, 8], "classifier": notes_for(run, [], {"readout": run.new_readout(net)})}
        >>> saved = Checkpoint("cnn3", (1, 8, 8), {}, net, tensors_of({"readout": run.new_readout(net)}), about)
        >>> list(modules_of(saved, labels, rule))
        ['readout']
    """
    made: dict[str, nn.Module] = {}
    held = sum(tensor.numel() for tensor in (*checkpoint.extra.values(), *checkpoint.net.state_dict().values()))
    with FewNumbers(held):
        resting = Resting(optimizer=usual_optimizer(rule))
        made |= start(rule, Setup(net=checkpoint.net, labels=labels, schedule=resting)).modules
        for name, about in _readouts(checkpoint.notes).items():
            made[name] = _readout(about, checkpoint, labels)
    saved = {key.partition(".")[0] for key in checkpoint.extra}
    kept = {name: module for name, module in made.items() if name in saved or not module.state_dict()}
    for name, module in kept.items():
        module.load_state_dict(checkpoint.tensors_of(name))
    return kept


def _readouts(notes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return how each readout reads, by name; version 0.1 knew one alone."""
    if "classifier" in notes:
        return dict(notes["classifier"]["readouts"])
    return {"readout": {"kind": LinearReadout.evaluation, "normalised": False} | notes["readout"]}


def _readout(about: dict[str, Any], checkpoint: Checkpoint, labels: Labels) -> LinearReadout:
    options: dict[str, Any] = {"first": about["first"], "grid": about["grid"]}
    make = READOUT_KINDS[about["kind"]]
    if about["normalised"]:
        options["normalised"] = True
    channels, height, width = checkpoint.notes["image_shape"]
    return make(checkpoint.net, labels, (channels, height, width), **options)


def usual_of(checkpoint: Checkpoint) -> list[Tensor]:
    """Return the usual activity of the blocks that the readout reads; empty if it was not saved.

    Args:
        checkpoint: the checkpoint.

    Example:
        >>> from convff import cnn3
        >>> kept = with_usual([torch.zeros(4, 2, 2), torch.ones(4, 1, 1)])
        >>> saved = Checkpoint("cnn3", (1, 8, 8), {}, cnn3((1, 8, 8), width=4, kernel=3), kept)
        >>> [tuple(activity.shape) for activity in usual_of(saved)]
        [(4, 2, 2), (4, 1, 1)]
    """
    saved = checkpoint.tensors_of("usual")
    return [saved[str(place)] for place in range(len(saved))]


def with_usual(usual: Iterable[Tensor]) -> dict[str, Tensor]:
    """Return the usual activity of blocks for `Checkpoint.extra`.

    Args:
        usual: the activity of each block, as of `usual_activity_of`.

    Example:
        >>> list(with_usual([torch.zeros(4, 2, 2), torch.ones(4, 1, 1)]))
        ['usual.0', 'usual.1']
    """
    return {f"usual.{place}": activity for place, activity in enumerate(usual)}


def context_for(
    net: LayerLocalNet, labels: Labels, rule: Any, data: ImageData, modules: Mapping[str, nn.Module], **numbers: Any
) -> Context:
    """Return the context of a network that is used without its training images.

    Args:
        net: the network.
        labels: the label generator.
        rule: the rule.
        data: an empty image set; see `no_images`.
        modules: what was trained or fitted beside the network, by name.
        numbers: of `NUMBERS`.

    Example:
        >>> from convff import ForwardForward, cnn3
        >>> from labels import NoLabels
        >>> net, data = cnn3((1, 8, 8), width=4, kernel=3), no_images((1, 8, 8), ("a", "b"))
        >>> context_for(net, NoLabels(2), ForwardForward(), data, {}, first_block=1).first_block
        1
    """
    readout = modules.get("readout")
    readouts = {id(net): readout} if isinstance(readout, LinearReadout) else {}
    return Context(rule=rule, labels=labels, train=data, modules=modules, readouts=readouts, **numbers)
