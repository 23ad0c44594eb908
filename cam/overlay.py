"""Signed maps drawn over the image that they explain."""

from typing import Any

import numpy as np
import numpy.typing as npt

HELPS = (0.94, 0.42, 0.0)  # orange: speaks for the class
HURTS = (0.11, 0.46, 0.94)  # blue: speaks against it; the colour-blind can tell orange from blue


def overlay(
    image: npt.NDArray[Any], signed: npt.NDArray[Any], scale: float, *, strength: float = 0.85
) -> npt.NDArray[np.float64]:
    """Draw the image in pale gray, orange where the map is positive and blue where it is negative.

    The larger the map, the more opaque the colour: where the map is small, the image shows through.

    Args:
        image: `[C, H, W]` in [0, 1], gray or RGB.
        signed: map `[H, W]`.
        scale: the value of the map that gets the full colour; larger values get no more. 0 draws only the image.
        strength: opacity of the full colour, in [0, 1].

    Returns:
        RGB `[H, W, 3]` in [0, 1].

    Raises:
        ValueError: a map that is not the size of the image.

    Example:
        >>> overlay(np.zeros((1, 1, 2)), np.array([[1.0, 0.0]]), 1.0, strength=1.0)[0, 0].round(1).tolist()
        [0.9, 0.4, 0.0]
    """
    if image.shape[1:] != signed.shape:
        raise ValueError(f"the map must have the image's size {image.shape[1:]}, got {signed.shape}")
    luminance = np.tensordot((0.299, 0.587, 0.114), image, axes=1) if len(image) == 3 else image.mean(axis=0)
    gray = 0.3 + 0.65 * luminance[..., None]  # neither black nor white, so that both colours stand out from it
    amount = strength * np.clip(np.abs(signed) / scale, 0, 1)[..., None] if scale > 0 else np.zeros((*signed.shape, 1))
    colour = np.where(signed[..., None] > 0, HELPS, HURTS)
    drawn: npt.NDArray[np.float64] = (1 - amount) * gray + amount * colour
    return drawn
