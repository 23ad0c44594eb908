"""What the tests of several label families share."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from labels import ChannelLabels, EchoLabels, FourierLabels, LayerwiseLabels, LearnedLabels, MorphLabels, OneHotLabels

SIZE = (20, 24)
FAMILIES = {
    "onehot": OneHotLabels,
    "fourier": lambda k: FourierLabels(k, SIZE),
    "morph": MorphLabels,
    "channel": lambda k: ChannelLabels(k, SIZE),
    "layerwise": lambda k: LayerwiseLabels(k, SIZE),
    "channel-codes": lambda k: ChannelLabels(k, SIZE, planes="codes", count=8),
    "channel-fourier": lambda k: ChannelLabels(k, SIZE, planes="fourier"),
    "echo": EchoLabels,
    "learned": lambda k: LearnedLabels(k, SIZE),
    "learned-noise": lambda k: LearnedLabels(k, SIZE, start="noise"),
}


def images(count: int = 6, channels: int = 3, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(count, channels, *SIZE, generator=torch.Generator().manual_seed(0)).to(dtype)


def textured_image() -> Tensor:
    """Smooth noise with edges: something to see in every window, as in a photograph."""
    noise = np.random.default_rng(0).normal(size=(3, 32, 32))
    smooth = ndimage.gaussian_filter(noise, (0, 1, 1))
    smooth = smooth + 0.5 * np.sign(ndimage.gaussian_filter(noise, (0, 3, 3)))
    return torch.from_numpy((smooth - smooth.min()) / np.ptp(smooth)).float()


def photograph_like(count: int = 4) -> Tensor:
    return torch.rand(count, 3, 16, 20, generator=torch.Generator().manual_seed(0))
