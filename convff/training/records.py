"""The result of an epoch."""

from dataclasses import dataclass

from convff.training.findings import Finding


@dataclass(frozen=True)
class EpochRecord:
    """The result of an epoch.

    Args:
        epoch: counted from 0, over all blocks where they learn one after another.
        metrics: means over the epoch's steps by name, each with one entry per block that learns (or one for the whole
            network); and `weight_rms`, the root mean square of each block's weights at the end, of all blocks.
        images_per_second: images, not passes, per second; an image counts once per step.
        seconds: duration of the epoch.
        first_half: means over the first half of the epoch's steps; compared with `metrics`, they show the trend.
        findings: faults that no earlier epoch of the training showed; see `convff.training.health`.
        blocks: indices of the blocks that learn, which the metrics are of.
    """

    epoch: int
    metrics: dict[str, list[float]]
    images_per_second: float
    seconds: float
    first_half: dict[str, list[float]]
    findings: tuple[Finding, ...] = ()
    blocks: tuple[int, ...] = ()
