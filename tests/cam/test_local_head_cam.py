"""Maps of linear heads on all blocks, against loops over regions and positions; all else: `test_share_cam.py`."""

import pytest
import torch

from tests.cam.helpers import CLASSES, every_class, images, judged


@pytest.mark.parametrize("regions", [1, 3, 4])
@torch.no_grad()
def test_scores_and_maps_position_by_position(regions: int) -> None:
    """Regions that divide a map, that overlap (4 of 7 rows), and that are more than there are rows (4 of 3).

    Of images that are no squares.
    """
    found = judged("local_heads", dtype=torch.float64, regions=regions)
    x = images(torch.float64)[..., :10]
    maps = {k: found.explain().maps(x, targets) for k, targets in every_class()}
    scores = torch.zeros(3, CLASSES, dtype=torch.float64)
    for layer, a in enumerate(found.model.net.eval()(x)[1:]):
        _, channels, height, width = a.shape
        head = found.beside[layer + 1]
        for k in range(CLASSES):
            expected = torch.zeros(3, height, width, dtype=torch.float64)
            for r in range(regions):
                for q in range(regions):
                    rows = range(r * height // regions, -(-(r + 1) * height // regions))
                    columns = range(q * width // regions, -(-(q + 1) * width // regions))
                    for y in rows:
                        for z in columns:
                            for c in range(channels):
                                weight = head.weight[k, r, q, c].item() / (len(rows) * len(columns))
                                expected[:, y, z] += weight * a[:, c, y, z]
            scores[:, k] += expected.sum(dim=(1, 2)) + head.bias[k]
            torch.testing.assert_close(maps[k].layers[layer], expected, rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(found.model(x), scores, rtol=1e-10, atol=1e-13)
    for k in range(CLASSES):
        biases = sum(head.bias[k] for head in found.beside[1:])  # those of blocks that count
        torch.testing.assert_close(maps[k].bias, biases.expand(3), rtol=1e-12, atol=0)
