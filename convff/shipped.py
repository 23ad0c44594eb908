"""Trained networks that ship with the package."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from convff.classifier import Classifier
from convff.loading import load
from convff.pictures import read_picture

NETS = Path(__file__).parent / "nets"
DIGITS = NETS / "digits.png"  # images of MNIST side by side
SIDE = 28  # of an image of MNIST


@cache
def _index() -> dict[str, Any]:
    index: dict[str, Any] = json.loads((NETS / "index.json").read_text(encoding="utf-8"))
    return index


def pretrained_names() -> tuple[str, ...]:
    """Return the names that `pretrained` takes.

    Example:
        >>> "mnist-fourier" in pretrained_names()
        True
    """
    return tuple(_index()["nets"])


def pretrained_about(name: str) -> dict[str, Any]:
    """Return how a network was made, and what it reached on test images: command, data, accuracy, control, minutes.

    Raises:
        ValueError: there is no such network.

    Example:
        >>> pretrained_about("mnist-fourier")["command"].split()[:3]
        ['convff', 'train', 'mnist']
    """
    if name not in _index()["nets"]:
        raise ValueError(f"the pretrained networks are {', '.join(pretrained_names())}; got {name!r:.80}")
    about: dict[str, Any] = _index()["nets"][name]
    return about


def pretrained(name: str, *, device: torch.device | str = "cpu", precision: str = "float32") -> Classifier:
    """Return a trained network that ships with the package; nothing is downloaded.

    Args:
        name: one of `pretrained_names()`.
        device: where to compute.
        precision: as in `load`.

    Raises:
        ValueError: there is no such network.

    Example:
        >>> images, labels = shipped_digits()
        >>> model = pretrained("mnist-fourier")
        >>> model.class_names[0], model.scores(images).shape
        ('0', torch.Size([16, 10]))
    """
    return load(NETS / pretrained_about(name)["file"], device=device, precision=precision)


def shipped_digits() -> tuple[Tensor, Tensor]:
    """Return the first 16 test images of MNIST (LeCun, Cortes & Burges; CC BY-SA 3.0) and their classes.

    Returns:
        uint8 images `[16, 1, 28, 28]` and int64 classes `[16]`.

    Example:
        >>> images, classes = shipped_digits()
        >>> images.shape, classes[:4].tolist()
        (torch.Size([16, 1, 28, 28]), [7, 2, 1, 0])
    """
    classes = torch.tensor(_index()["digits"])
    strip = read_picture(DIGITS, (1, SIDE, SIDE * len(classes)))
    return strip.unflatten(2, (len(classes), SIDE)).permute(2, 0, 1, 3).contiguous(), classes
