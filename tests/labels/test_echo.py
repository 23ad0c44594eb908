"""Echo labels: the image and its displaced copy."""

import numpy as np
import torch
from scipy import ndimage

from labels import EchoLabels
from labels import operators as op
from tests.labels.helpers import images


def test_echoes_are_the_image_and_its_displaced_copy() -> None:
    batch = images(48, 1, torch.float64)
    labelled = EchoLabels(48, intensity=0.4)(batch, torch.arange(48))
    displaced = [chain[0][1:] for chain in EchoLabels(48).chains]
    assert len(set(displaced)) == 48
    for image, result, (dx, dy) in zip(batch[:, 0].numpy(), labelled[:, 0].numpy(), displaced, strict=True):
        copy = ndimage.shift(image, (dy, dx), order=0, mode="nearest")
        np.testing.assert_allclose(result, 0.6 * image + 0.4 * copy, rtol=0, atol=1e-12)


def test_opposite_echoes_look_alike_and_come_last() -> None:
    """At K = 0.5 the echo by d is that by -d, displaced by d: the first half of the echoes has no such pair."""
    displaced = [chain[0][1:] for chain in EchoLabels(48).chains]
    assert all((-dx, -dy) not in displaced[:24] for dx, dy in displaced[:24])
    batch = images(1).expand(48, -1, -1, -1)
    labelled = EchoLabels(48, intensity=0.5)(batch, torch.arange(48))
    for k, (dx, dy) in enumerate(displaced[:24]):
        assert displaced[k + 24] == (-dx, -dy)
        again = op.shift(labelled[k + 24 : k + 25], dx, dy)[0]
        torch.testing.assert_close(again[:, 3:-3, 3:-3], labelled[k, :, 3:-3, 3:-3], rtol=0, atol=1e-6)
