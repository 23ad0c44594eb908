"""A readout beside the blocks, and its pass of unlabelled images before the blocks learn from them."""

import torch
from torch import Tensor

from convff.contrasts import Contrast, Scores, wants_scores
from convff.data import Batch
from convff.inference.readout import LinearReadout
from convff.machine.precision import autocast
from convff.machine.processes import Processes
from convff.schedule import Schedule
from convff.training.order import TOGETHER


class ReadoutBeside:
    """What a trainer does for the readout beside its blocks: nothing, if there is none.

    A readout that reads first, or a contrast with hard negatives, needs a neutral pass before each step: a pass of the
    images without a label, by the weights that the batch has not changed yet. It gives features, for the readout's own
    step, and class scores, for the contrast (Hinton 2022, section 3.3).

    Args:
        readout: the readout.
        contrast: makes the passes of the training; None for the rule's own.
        processes: the processes that share each batch.
        order: the order in which blocks learn.
        precision: of the activities.

    Raises:
        ValueError: the contrast chooses by scores, and there is no readout that gives them in every step, or several
            processes, each of which would know the scores of its own images alone.

    Example:
        >>> from convff import OneProcess, mlp
        >>> from labels import OneHotLabels
        >>> readout = LinearReadout(mlp((1, 8, 8), widths=(6, 5)), OneHotLabels(3), (1, 8, 8))
        >>> ReadoutBeside(readout, None, OneProcess()).scores(torch.rand(4, 1, 8, 8)).shape
        torch.Size([4, 3])
    """

    def __init__(
        self,
        readout: LinearReadout | None,
        contrast: Contrast | None,
        processes: Processes,
        order: str = TOGETHER,
        precision: str = "float32",
    ) -> None:
        wanted = wants_scores(contrast)
        if wanted and readout is None:
            raise ValueError("wrong labels from the neutral pass need a readout that is trained beside the blocks")
        if wanted and processes.size > 1:
            raise ValueError(f"wrong labels from the neutral pass need one process, got {processes.size}")
        if wanted and order != TOGETHER:
            raise ValueError(
                f"wrong labels from the neutral pass need blocks that learn together, got {order}: until the last one "
                "learns, no readout is trained"
            )
        self.readout, self.processes, self.precision = readout, processes, precision
        self.looks_first = readout is not None and (wanted or readout.reads_first)
        self._features: Tensor | None = None  # of the batch looked at
        self._seen: tuple[Tensor, Tensor] | None = None  # its images, and their scores

    @property
    def scores(self) -> Scores | None:
        """Gives class scores of images, for contrasts; None if there is no readout."""
        return self._scores if self.looks_first else self.readout

    def set_rate(self, schedule: Schedule, progress: float) -> None:
        """Set the readout's rate at `progress` in [0, 1] of a schedule."""
        if self.readout is not None:
            self.readout.set_gain(schedule.rate(progress) / schedule.lr)

    @torch.no_grad()
    def look(self, images: Tensor) -> None:
        """Make the neutral pass of a batch `[B, C, H, W]`, before the step of the blocks, if it is needed."""
        if self.readout is not None and self.looks_first:
            with autocast(images.device, self.precision):
                self._features = self.readout.features(images[self.processes.shard(len(images)).rows])
            self._seen = images, self._scores_of(self.readout, self._features)

    def learn(self, batch: Batch) -> dict[str, Tensor]:
        """Let the readout learn from a batch, after the step of the blocks; return its loss as a metric."""
        if self.readout is None:
            return {}
        # Its own context: autocast caches the cast weights, which the blocks' step has just changed.
        with autocast(batch.inputs.device, self.precision):
            loss = self.readout.step(*batch, self.processes, self._features)
        self._features = self._seen = None
        return {"readout_loss": loss}

    @torch.no_grad()
    def _scores(self, images: Tensor) -> Tensor:
        """Return class scores `[B, K]`: those of the batch just looked at, or else of a pass of its own."""
        assert self.readout is not None
        if self._seen is not None and self._seen[0] is images:
            return self._seen[1]
        with autocast(images.device, self.precision):
            features = self.readout.features(images)
        return self._scores_of(self.readout, features)

    @staticmethod
    def _scores_of(readout: LinearReadout, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            scores: Tensor = readout.linear(features)
        return scores
