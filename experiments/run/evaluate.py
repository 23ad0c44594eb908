"""Evaluation of a trained network: the evaluations that its rule names, and the control.

It depends on networks, labels and images, but not on settings or run folders.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from convff import (
    EVALUATIONS,
    Context,
    Contrast,
    Evaluation,
    ImageData,
    Labels,
    LayerLocalNet,
    LinearReadout,
    Score,
    calibrate,
    features_in_bytes,
    participation_ratios,
    require_memory,
)
from experiments.run.alike import main_accuracy
from labels import LabelGenerator

PARTICIPATION_IMAGES = 2000


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluated:
    """All figures of a run, as in `results.json`.

    Args:
        scores: the score of each evaluation, by name; the first is the one that judges the rule.
        control: accuracy of the same readout on the untrained network.
        seconds: how long each part took, by name.
        participation: for each block, the number of directions that its features use, "trained" and "untrained"; see
            `convff.participation_ratios`. Empty without a readout.
        readout: the readout fitted to the network; None if there is none.
        candidates: number of labels tried per image; None for all.
        fitted: what other evaluations fitted, by name.
    """

    scores: dict[str, Score]
    control: dict[str, float | None] = field(default_factory=lambda: {"untrained_linear": None})
    seconds: dict[str, float] = field(default_factory=dict)
    participation: dict[str, list[float]] = field(default_factory=dict)
    readout: LinearReadout | None = None
    candidates: int | None = None
    fitted: Mapping[str, nn.Module] = field(default_factory=dict)

    @property
    def accuracy(self) -> dict[str, float | None]:
        """Every accuracy, by the name of its evaluation.

        Example:
            >>> Evaluated(scores={"groups": Score(value=0.9), "entropy": Score(value=2.0, unit="bits")}).accuracy
            {'goodness': None, 'linear': None, 'groups': 0.9}
        """
        measured = {name: score.value for name, score in self.scores.items() if score.unit == "accuracy"}
        return {"goodness": None, "linear": None} | measured

    @property
    def predicted(self) -> Tensor:
        """Predicted classes `[N]` of the evaluation that `predicts` names, for the confusion matrix."""
        predicted = None if self.predicts is None else self.scores[self.predicts].predicted
        return torch.empty(0) if predicted is None else predicted

    @property
    def predicts(self) -> str | None:
        """The name of the evaluation that judges the run, or else of the first that predicts; None if none does.

        Example:
            >>> two = torch.tensor([0, 1])
            >>> both = {"linear": Score(value=0.9, predicted=two), "goodness": Score(value=0.8, predicted=two)}
            >>> Evaluated(scores=both).predicts
            'goodness'
        """
        named = [name for name, score in self.scores.items() if score.predicted is not None]
        first = main_accuracy({"accuracy": self.accuracy})
        return first if first in named else next(iter(named), None)

    @property
    def per_layer(self) -> dict[str, list[float]]:
        """Discrimination and accuracy of each block alone.

        Example:
            >>> Evaluated(scores={"goodness": Score(value=0.9, per_block={"accuracy": [0.8, 0.9]})}).per_layer
            {'accuracy': [0.8, 0.9]}
        """
        return {name: values for name, values in self._per_block().items() if name != "label_bias"}

    @property
    def label_only_probe(self) -> dict[str, list[float]]:
        """Effect of a label on each block for blank images."""
        return {name: values for name, values in self._per_block().items() if name == "label_bias"}

    def _per_block(self) -> Mapping[str, list[float]]:
        return next((score.per_block for score in self.scores.values() if score.per_block), {})


def scores_as_json(found: Evaluated) -> dict[str, dict[str, Any]]:
    """Return the score of each evaluation, without its predictions, as in `results.json`.

    Example:
        >>> scores_as_json(Evaluated(scores={"head": Score(value=0.9)}))
        {'head': {'value': 0.9, 'unit': 'accuracy', 'per_block': {}}}
    """
    return {
        name: {"value": score.value, "unit": score.unit, "per_block": dict(score.per_block)}
        for name, score in found.scores.items()
    }


@dataclass(frozen=True, eq=False, kw_only=True)
class Evaluator:
    """Evaluates networks of one run, all in the same way.

    Args:
        run: the context that evaluations get.
        judged: the images that judge the networks.
        evaluations: the evaluations by name, the one that judges the rule first.
        contrast: makes the passes of the training from a label generator; for the control's statistics.
        batch_size: images per batch of these passes.
    """

    run: Context
    judged: ImageData
    evaluations: dict[str, Evaluation]
    contrast: Callable[[LabelGenerator], Contrast]
    batch_size: int

    def everything(
        self,
        net: LayerLocalNet,
        modules: Mapping[str, nn.Module],
        untrained: Callable[[], tuple[LayerLocalNet, LabelGenerator]],
    ) -> Evaluated:
        """Evaluate a trained network by every evaluation, with the control.

        Args:
            net: the trained network.
            modules: what was trained beside it, by name.
            untrained: makes the network and the labels as before the training, for the control.
        """
        run = self._new_run(modules)
        evaluations, control, participation = dict(self.evaluations), None, {}
        if "linear" in evaluations:
            if "joint_readout" in modules:
                name = str(modules["joint_readout"].evaluation)
                evaluations[name] = EVALUATIONS[name]
            with run.timed("control"):
                random_net, labels = untrained()
                control = self.control(random_net, labels)
            participation = {
                "trained": self._participation(net, run.labels),
                "untrained": self._participation(random_net, labels),
            }
        scores = {name: evaluation(net, run, self.judged) for name, evaluation in evaluations.items()}
        return Evaluated(
            scores=scores,
            control={"untrained_linear": control},
            seconds=run.seconds,
            participation=participation,
            readout=run.readouts.get(id(net)),
            candidates=min(run.candidates, run.labels.num_classes) if run.candidates and "goodness" in scores else None,
            fitted=run.fitted,
        )

    def require_memory(self, net: LayerLocalNet) -> None:
        """Raise if the features of a readout would take more than half of the free memory.

        Raises:
            ValueError: they would.
        """
        readout, run = self.run.new_readout(net), self.run
        images = min(len(run.train), run.readout_images or len(run.train))
        needed = {
            "linear": images * readout.linear.in_features * 4,
            "dropout": features_in_bytes(readout, len(run.train)),
        }
        for name in self.evaluations.keys() & needed:
            what = f"the features of {self.evaluations[name].title} (fewer --train-images)"
            require_memory(needed[name], run.train.images.device, what)

    def own(self, net: LayerLocalNet, modules: Mapping[str, nn.Module]) -> Score:
        """Evaluate a network by the evaluation that judges its rule."""
        return next(iter(self.evaluations.values()))(net, self._new_run(modules), self.judged)

    def of_epoch(self, net: LayerLocalNet, modules: Mapping[str, nn.Module], data: ImageData) -> dict[str, float]:
        """Evaluate a network during training, for its learning curve; empty if its rule's own evaluation is slow.

        It is also empty if there are no images.

        The curve does not depend on how the run is judged at its end. Every label is tried, since there is no readout
        yet to choose candidates.
        """
        name = self.run.rule.evaluations[0]
        evaluation = EVALUATIONS.get(name)
        if evaluation is None or not evaluation.each_epoch or not len(data):
            return {}
        score = evaluation(net, replace(self._new_run(modules), candidates=0), data)
        return {f"validation_{name}_{score.unit}": score.value}

    def control(self, net: LayerLocalNet, labels: LabelGenerator) -> float:
        """Return the accuracy of the same readout on an untrained network: the value of random filters."""
        run = replace(self._new_run({}), labels=labels)
        calibrate(net, self.contrast(labels), run.train, batch_size=self.batch_size, precision=run.precision)
        return EVALUATIONS["linear"](net, run, self.judged).value

    def _participation(self, net: LayerLocalNet, labels: Labels) -> list[float]:
        """Return the number of directions that each block's features use, on some of the judged images."""
        some = self.judged.part(0, PARTICIPATION_IMAGES)
        return participation_ratios(net, some, labels, grid=self.run.readout_grid, precision=self.run.precision)

    def _new_run(self, modules: Mapping[str, nn.Module]) -> Context:
        """Return a context for evaluations, with its own times and readouts."""
        return replace(self.run, modules=modules, seconds={}, readouts=dict(self.run.readouts), fitted={})
