"""What the first units of a dense layer look for, as figure 2 of Hinton 2022. Imports no matplotlib before it draws."""

from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor, nn

from experiments.run.finished import Finished
from experiments.tools import style

ROWS, COLUMNS = 5, 20
EDGE = 1  # pixels between two units
SHARE = 0.98


def draw_of_run(run: Finished) -> None:
    """Draw the weights of the first units, if the first layer is dense: a picture each, with the label's pixels."""
    layer = run.net.blocks[0].layer
    channels, height, width = run.parts.input_shape
    if isinstance(layer, nn.Linear) and layer.in_features == channels * height * width:
        weights = layer.weight.detach().float().cpu().view(-1, channels, height, width)
        draw_fields(weights[: ROWS * COLUMNS], run.figures / "first_layer.png", title=run.parts.train.name)


def draw_fields(weights: Tensor, path: Path, *, title: str) -> None:
    """Draw weights of units, each on its own scale: zero is gray, positive ones are light.

    Args:
        weights: `[N, C, H, W]`; of 3 channels as colours, otherwise of the first channel.
        path: the PNG to write, with a PDF beside it; its folder is made.
        title: what the data are called.
    """
    with style.new_figure(path, width=style.PAGE, height=2.2, pictures=True) as figure:
        axes = figure.add_subplot()
        axes.imshow(mosaic(weights).numpy(), cmap="gray", vmin=0, vmax=1)
        axes.set_title(f"{title}: weights of {len(weights)} units of the first layer", fontsize=8)
        style.bare(axes)


def mosaic(weights: Tensor) -> Tensor:
    """Return pictures of units side by side in rows, `[H', W']` or `[H', W', 3]`, in [0, 1].

    Black and white are the size that `SHARE` of a unit's weights do not reach: those of the label are much larger.

    Args:
        weights: `[N, C, H, W]`.

    Example:
        >>> mosaic(torch.tensor([[[[2.0, -2.0]]], [[[4.0, 4.0]]]])).tolist()
        [[1.0, 0.0, 1.0, 1.0, 1.0]]
    """
    shown = weights if weights.shape[1] == 3 else weights[:, :1]
    size = shown.abs().flatten(1).quantile(SHARE, dim=1).clamp_min(torch.finfo(shown.dtype).tiny)
    pictures = ((shown / size.view(-1, 1, 1, 1) + 1) / 2).clamp(0, 1)
    columns = min(COLUMNS, len(pictures))
    empty = -len(pictures) % columns
    pictures = torch.cat([pictures, pictures.new_ones(empty, *pictures.shape[1:])])
    framed = nn.functional.pad(pictures, (0, EDGE, 0, EDGE), value=1.0)
    whole = rearrange(framed, "(r c) ch h w -> ch (r h) (c w)", c=columns)[:, :-EDGE, :-EDGE]
    return whole[0] if len(whole) == 1 else whole.permute(1, 2, 0)
