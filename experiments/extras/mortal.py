"""Mortal computation: what hardware learns in place, what copied weights are worth, and distillation (section 8)."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from convff import LayerLocalNet, LinearReadout, Variations, copy_weights, distil, on_hardware, probabilities
from experiments.extras.base import (
    Images,
    Result,
    Training,
    by_goodness,
    learn,
    new_net,
    new_readout,
    over_seeds,
    percent_right,
    plain_rule,
)
from experiments.extras.showing import dots


@dataclass(frozen=True, kw_only=True)
class Mortal:
    """The experiment's numbers.

    Args:
        training: see `Training`.
        variations: how much pieces of hardware differ.
        temperature: of the probabilities that are passed on.
    """

    training: Training = field(default_factory=Training)
    variations: Variations = field(default_factory=Variations)
    temperature: float = 1.0


def run(settings: Mortal, images: Images) -> Result:
    """Let hardware learn in place; then copy its weights to another piece, and distil it into a third.

    The teacher learns from the first half of the images. The pupil learns from the second half and never sees a class:
    its layers learn with the classes that its teacher predicts, and its readout learns the teacher's probabilities. The
    untrained one has the pupil's hardware, and only its readout is distilled.
    """
    found = over_seeds(lambda seed: _measured(settings, images, seed), settings.training.seeds)
    names = ("own", "copied", "distilled", "untrained, distilled")
    rows = [
        {"network": each, **{kind: found[f"{each}: {kind}"] for kind in ("readout %", "goodness %")}} for each in names
    ]
    return {"rows": rows, "note": "teacher and pupil learn from half of these images each"}


def _measured(settings: Mortal, images: Images, seed: int) -> dict[str, float]:
    training, rule, judged = settings.training, plain_rule(), images.judged
    half = len(images.train) // 2
    teachers, pupils = (
        images._replace(train=part) for part in (images.train.part(0, half), images.train.part(half, None))
    )
    found: dict[str, float] = {}

    def piece(number: int) -> LayerLocalNet:
        return on_hardware(new_net(training, images, 10 * seed + number), settings.variations, 10 * seed + number)

    def judge(name: str, net: LayerLocalNet, readout: LinearReadout) -> None:
        found[f"{name}: readout %"] = percent_right(readout.predict(judged), judged)
        found[f"{name}: goodness %"] = by_goodness(net, rule, judged)

    teacher = learn(piece(0), rule, training, teachers, seed)
    teaching = new_readout(teacher, images)
    teaching.fit(teachers.train)
    judge("own", teacher, teaching)

    other = piece(1)
    copy_weights(teacher, other)
    copied = new_readout(other, images)
    copied.linear.load_state_dict(teaching.linear.state_dict())
    judge("copied", other, copied)

    taught = probabilities(teaching, pupils.train, temperature=settings.temperature)
    told = pupils._replace(train=replace(pupils.train, classes=taught.argmax(dim=1)))
    for name, pupil in (("untrained, distilled", piece(2)), ("distilled", learn(piece(2), rule, training, told, seed))):
        readout = new_readout(pupil, images)
        distil(readout, told.train, taught, temperature=settings.temperature)
        judge(name, pupil, readout)
    return found


def draw(result: Result, path: Path) -> None:
    """Draw the accuracies."""
    dots(result["rows"], "network", ("goodness %", "readout %"), path, title="hardware with unknown variations")
