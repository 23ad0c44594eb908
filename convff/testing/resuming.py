"""The check that a training by a rule can be interrupted and resumed, to the bit."""

from dataclasses import dataclass

from torch import Tensor

from convff.data import Batch
from convff.schedule import Schedule
from convff.testing.cases import IMAGES, Case, difference
from convff.training.state import TrainingState
from convff.training.trainer import Trainer

EPOCHS, BATCH = 2, 2
STOPPED = IMAGES + BATCH  # images: after the first step of the second epoch


@dataclass(frozen=True, eq=False)
class _Noise:
    """The noise of a case as data to train on, in its dtype."""

    case: Case
    name: str = "noise"

    @property
    def num_classes(self) -> int:
        return self.case.num_classes

    def __len__(self) -> int:
        return IMAGES

    def batch(self, indices: Tensor) -> Batch:
        inputs, targets = self.case.batch()
        return Batch(inputs[indices], targets[indices])


class _Stopped(Exception):  # noqa: N818 (no error)
    """The training is interrupted here."""


def trainer_of(case: Case) -> Trainer:
    """Make a trainer of the case's network, for two epochs of its noise."""
    schedule = Schedule(epochs=EPOCHS, batch_size=BATCH, optimizer="adam", lr=1e-3)
    contrast = None if case.contrast is None else case.contrast(case.labels)
    return Trainer(case.net(), case.labels, case.rule, schedule=schedule, contrast=contrast)


def _interrupted(case: Case) -> TrainingState:
    """Return the state of a training within its second epoch."""
    trainer, seen = trainer_of(case), 0

    def stop(images: int) -> None:
        nonlocal seen
        seen += images
        if seen == STOPPED:
            raise _Stopped

    try:
        for _ in trainer.fit(_Noise(case), progress=stop):
            pass
    except _Stopped:
        return trainer.state()
    raise case.broken(f"the training took {seen} images, and {STOPPED} were expected")


def resumes(case: Case) -> None:
    """An interrupted training that another trainer resumes ends with the same network and modules."""
    straight, second = trainer_of(case), trainer_of(case)
    wanted = [record.metrics for record in straight.fit(_Noise(case))]
    try:
        state = _interrupted(case)
        second.resume(state)
    except (TypeError, ValueError) as error:
        raise case.broken(f"a training by it cannot be resumed: {error}") from error
    got = [record.metrics for record in second.fit(_Noise(case))]
    for name, one, other in (
        ("network", straight.net, second.net),
        *((name, module, second.step.modules[name]) for name, module in straight.step.modules.items()),
    ):
        changed = difference(one.state_dict(), other.state_dict())
        case.require(
            not changed,
            f"a resumed training ends with another {name}, which differs in {changed}: all that a rule or its step "
            "remembers belongs in the states of its blocks, its modules or its optimisers",
        )
    changed = difference(*(getattr(trainer.step, "memory", {}) for trainer in (straight, second)))
    case.require(not changed, f"after a resumed training the contrast remembers something else: {changed}")
    case.require(got == wanted[1:], "a resumed training reports other metrics than one that was not interrupted")
