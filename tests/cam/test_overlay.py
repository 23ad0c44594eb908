"""Maps drawn over their image."""

import numpy as np
import pytest

from cam import overlay


def test_overlay_shows_signs_and_the_image_beneath() -> None:
    image = np.zeros((1, 2, 2))
    image[0, 0, 1] = 1.0
    signed = np.array([[1.0, 0.0], [-1.0, 0.0]])
    drawn = overlay(image, signed, 1.0)
    red, blue = drawn[..., 0], drawn[..., 2]
    assert red[0, 0] > blue[0, 0] + 0.3  # orange helps
    assert blue[1, 0] > red[1, 0] + 0.3  # blue hurts
    assert np.ptp(drawn[0, 1]) == np.ptp(drawn[1, 1]) == 0  # gray where the map is zero
    assert drawn[0, 1, 0] > drawn[1, 1, 0] + 0.5  # and the image is seen there
    np.testing.assert_array_equal(overlay(image, 0 * signed, 0.0), overlay(image, 0 * signed, 1.0))
    with pytest.raises(ValueError, match="image's size"):
        overlay(image, np.zeros((3, 3)), 1.0)
