"""Channel labels: planes beside an unchanged image."""

import torch

from labels import ChannelLabels
from tests.labels.helpers import SIZE, images


def test_channel_labels_leave_the_image_alone() -> None:
    batch = images()
    labelled = ChannelLabels(10, SIZE)(batch, torch.arange(6))
    assert torch.equal(labelled[:, :3], batch)
    planes = labelled[:, 3:]
    assert torch.equal(planes.argmax(dim=1), torch.arange(6)[:, None, None].expand(6, *SIZE))
    assert torch.equal(planes.sum(dim=1), torch.ones(6, *SIZE))
