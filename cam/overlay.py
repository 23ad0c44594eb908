"""Signed maps drawn over the image that they explain."""

from typing import Any

import numpy as np
import numpy.typing as npt

HELPS = (0.94, 0.42, 0.0)  # orange: speaks for the class
HURTS = (0.11, 0.46, 0.94)  # blue: speaks against it; orange and blue are told apart by the colour-blind


def overlay(
    image: npt.NDArray[Any], signed: npt.NDArray[Any], scale: float, *, strength: float = 0.85
) -> npt.NDArray[np.float64]:
    """The image in pale gray, orange where the map is positive and blue where it is negative.

    The colour covers the image by as much as the map is large, so that where the map is small the image is seen.

    Args:
        image: `[C, H, W]` in [0, 1], gray or RGB.
        signed: map `[H, W]`.
        scale: the value of the map that gets the full colour; larger ones get no more. 0 draws the image alone.
        strength: how much of the image the full colour covers.

    Returns:
        RGB `[H, W, 3]` in [0, 1].

    Raises:
        ValueError: the map has not the size of the image.

    Example:
        >>> overlay(np.zeros((1, 1, 2)), np.array([[1.0, 0.0]]), 1.0, strength=1.0)[0, 0].round(1).tolist()
        [0.9, 0.4, 0.0]
    """
    if image.shape[1:] != signed.shape:
        raise ValueError(f"the map must have the image's size {image.shape[1:]}, not {signed.shape}")
    luminance = np.tensordot((0.299, 0.587, 0.114), image, axes=1) if len(image) == 3 else image.mean(axis=0)
    gray = 0.3 + 0.65 * luminance[..., None]  # neither black nor white, so that both colours stand out from it
    amount = strength * np.clip(np.abs(signed) / scale, 0, 1)[..., None] if scale > 0 else np.zeros((*signed.shape, 1))
    colour = np.where(signed[..., None] > 0, HELPS, HURTS)
    drawn: npt.NDArray[np.float64] = (1 - amount) * gray + amount * colour
    return drawn
