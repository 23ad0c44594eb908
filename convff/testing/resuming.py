"""The check that a training by a rule can be interrupted and resumed, to the bit."""

from dataclasses import dataclass

from torch import Tensor

from convff.data import Batch
from convff.schedule import Schedule
from convff.testing.cases import IMAGES, Case, difference
from convff.training.blockwise import BlockwiseStep
from convff.training.state import TrainingState
from convff.training.trainer import Trainer

BATCH = 2


@dataclass(frozen=True)
class _Way:
    """A way to train: of two epochs in all, the second one is interrupted after its first step.

    Args:
        epochs: of the schedule.
        repeats: of the schedule.
        order: of the blocks.
        redraw: whether each epoch has draws of its own.
        words: the way in words, for errors.
    """

    epochs: int = 2
    repeats: int = 1
    order: str = "together"
    redraw: bool = True
    words: str = ""

    @property
    def stopped(self) -> int:
        """Images until the training is interrupted."""
        return IMAGES * self.repeats + BATCH

    def trainer(self, case: Case) -> Trainer:
        schedule = Schedule(
            epochs=self.epochs, batch_size=BATCH, optimizer=case.optimizer, lr=1e-3, repeats=self.repeats
        )
        contrast = None if case.contrast is None else case.contrast(case.labels)
        return Trainer(
            case.net(),
            case.labels,
            case.rule,
            schedule=schedule,
            contrast=contrast,
            order=self.order,
            redraw=self.redraw,
        )


TOGETHER = _Way()
ONE_BY_ONE = _Way(
    epochs=1, repeats=2, order="one_by_one", redraw=False, words=" of blocks that learn one by one, by repeated steps,"
)


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


def _interrupted(case: Case, way: _Way) -> TrainingState:
    """Return the state of a training within its second epoch."""
    trainer, seen = way.trainer(case), 0

    def stop(images: int) -> None:
        nonlocal seen
        seen += images
        if seen == way.stopped:
            raise _Stopped

    try:
        for _ in trainer.fit(_Noise(case), progress=stop):
            pass
    except _Stopped:
        return trainer.state()
    raise case.broken(f"the training took {seen} images, and {way.stopped} were expected")


def trainer_of(case: Case) -> Trainer:
    """Make a trainer of the case's network, for two epochs of its noise."""
    return TOGETHER.trainer(case)


def resumes(case: Case) -> None:
    """An interrupted training that another trainer resumes ends with the same network and modules."""
    _resumes(case, TOGETHER)
    if isinstance(TOGETHER.trainer(case).step, BlockwiseStep):
        _resumes(case, ONE_BY_ONE)


def _resumes(case: Case, way: _Way) -> None:
    straight, second = way.trainer(case), way.trainer(case)
    wanted = [record.metrics for record in straight.fit(_Noise(case))]
    try:
        state = _interrupted(case, way)
        second.resume(state)
    except (TypeError, ValueError) as error:
        raise case.broken(f"a training{way.words} by it cannot be resumed: {error}") from error
    got = [record.metrics for record in second.fit(_Noise(case))]
    for name, one, other in (
        ("network", straight.net, second.net),
        *((name, module, second.step.modules[name]) for name, module in straight.step.modules.items()),
    ):
        changed = difference(one.state_dict(), other.state_dict())
        case.require(
            not changed,
            f"a resumed training{way.words} ends with another {name}, which differs in {changed}: all that a rule or "
            "its step remembers belongs in the states of its blocks, its modules or its optimisers",
        )
    changed = difference(*(getattr(trainer.step, "memory", {}) for trainer in (straight, second)))
    case.require(not changed, f"after a resumed training{way.words} the contrast remembers something else: {changed}")
    case.require(
        got == wanted[1:], f"a resumed training{way.words} reports other metrics than one that was not interrupted"
    )
