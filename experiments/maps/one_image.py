"""One image explained by one network: the image, a map per block, and their sum."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import interpolate

from convff import picture_header, read_picture
from experiments.tools import style

if TYPE_CHECKING:
    from convff import Classifier

LARGEST = 448  # pixels of a side; a panel shows no more


def draw_explained(
    model: "Classifier",
    image: Path,
    path: Path,
    *,
    of: str | None = None,
    against: str | None = None,
    alone: bool = False,
    by: str | None = None,
) -> str:
    """Draw what speaks for a class, and what against it; return the scores in words.

    Args:
        model: the network.
        image: the image file.
        path: where to write, as PNG and PDF.
        of: the class; None for the one with the highest score.
        against: the class to compare it with; None for the highest of the others.
        alone: compare with no other class.
        by: whose scores; see `convff.Classifier.predict`.

    Raises:
        ValueError: the image cannot be read, a class is unknown, or the scores are no sums over positions.
    """
    from experiments.maps import drawing  # imports grad-cam

    pixels = read_picture(image, model.image_shape)[None]
    scores = model.scores(pixels, by=by)[0]
    chosen = model.class_names[int(scores.argmax())] if of is None else of
    other = None if alone else against or _next_best(model, scores, chosen)
    maps = model.maps(pixels, chosen, against=other, by=by)
    shown, summed = maps.on_image()[0].cpu(), maps.summed()[0].cpu()
    panels = [drawing.Panel(signed, share) for signed, share in zip(shown, maps.shares()[0].tolist(), strict=True)]
    panels.append(drawing.Panel(summed, float(summed.sum())))
    first = len(model.net) - len(shown) + 1
    titles = [f"block {first + place}" for place in range(len(shown))] + ["sum"]
    if maps.bias is None:  # of the pixels, as of dense layers that settle
        panels, titles = panels[:1], ["pixels"]
    finer = finest(image, model.image_shape)
    picture, panels = finer / 255, [drawing.Panel(_enlarged(each.signed, finer), each.value) for each in panels]
    width = min(style.PAGE, 1.15 * (1 + len(panels)))
    over = "" if other is None else f" rather than “{other}”"
    with style.new_figure(path, width=width, height=width / (1 + len(panels)) + 1.0, pictures=True) as figure:
        axes = list(figure.subplots(1, 1 + len(panels)))
        drawing.show_image(axes[0], picture)
        axes[0].set_title("input")
        scale = drawing.largest([panel.signed for panel in panels])
        for place, panel, title in zip(axes[1:], panels, titles, strict=True):
            drawing.draw_panel(place, picture, panel, scale)
            place.set_title(title)
        figure.suptitle(f"{image.name}: what speaks for “{chosen}”{over}", fontsize=8)
        drawing.legend(figure, axes, "one scale; beneath each map, its sum")
    best, value = model.class_names[int(scores.argmax())], float(scores.max())
    lead = f"its lead over {other}" if other is not None else "its score"
    return f"{image}: {best} {value:.4g}; of {chosen}, {lead} {maps.scores.item():.4g}"


def finest(image: Path, shape: tuple[int, int, int]) -> torch.Tensor:
    """Return the part of a picture that a network sees, uint8 `[C, H, W]`, with as many pixels as the file has.

    Args:
        image: the file.
        shape: channels, height and width that the network sees; H and W are whole multiples of it, up to `LARGEST`.
    """
    channels, height, width = shape
    header = picture_header(image)
    times = max(1, min(header.height, header.width, LARGEST) // max(height, width))
    return read_picture(image, (channels, times * height, times * width))


def _enlarged(signed: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    """Return a map `[H, W]` at the size of a picture, without steps between its pixels."""
    if signed.shape == picture.shape[1:]:
        return signed
    return interpolate(signed[None, None], picture.shape[1:], mode="bilinear", align_corners=False)[0, 0]


def _next_best(model: "Classifier", scores: torch.Tensor, chosen: str) -> str:
    names: list[str] = [model.class_names[k] for k in scores.argsort(descending=True).tolist()]
    return next(name for name in names if name != chosen)
