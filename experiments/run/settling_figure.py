"""The figures of a network that settles: its states over iterations, as a strip and as a GIF, and what they look at.

Imports no matplotlib before something is drawn.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from convff import RecurrentForwardForward, RecurrentNet, as_floats
from experiments.run.finished import Finished
from experiments.run.settled import Settling, settle
from experiments.tools import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FRAMES_PER_SECOND = 2  # of the GIF
RIGHT, RIVAL = style.COLOURS[0], style.COLOURS[1]


def draw_of_run(run: Finished) -> None:
    """Draw the strip and the GIF of a run whose network settles, on test images: two that it gets right, one wrong."""
    net, rule, judged = run.net, run.parts.rule, run.parts.judged
    if not isinstance(net, RecurrentNet) or not isinstance(rule, RecurrentForwardForward):
        return
    right = run.predicted == judged.classes.cpu()
    chosen = [*right.nonzero().flatten()[:2].tolist(), *(~right).nonzero().flatten()[:1].tolist()]
    seen = settle(net, rule, as_floats(judged.images[chosen]), judged.classes[chosen].tolist(), judged.class_names)
    draw_strip(seen, run.figures / "settling.png", title=judged.name)
    draw_gif(seen, run.figures / "settling.gif", title=judged.name)


def draw_strip(seen: Settling, path: Path, *, title: str) -> None:
    """Draw the states of every layer over iterations, under the right label and against its rival, and the goodness.

    Args:
        seen: images while the network settles.
        path: the PNG to write, with a PDF beside it; its folder is made.
        title: of the figure.
    """
    layers, columns = len(seen.pictures), seen.iterations + 1
    rows = 2 * layers
    height = 0.35 + len(seen.images) * (rows * 0.48 + 0.3)
    with style.new_figure(path, width=style.PAGE, height=height, pictures=True) as figure:
        figure.suptitle(title, fontsize=8)
        parts = figure.subfigures(len(seen.images), 1, squeeze=False)[:, 0]
        for index, part in enumerate(parts):
            grid = part.add_gridspec(rows, columns + 5)
            _image_and_map(part, grid, seen, index)
            for layer in range(layers):
                _states_of(part, grid, seen, index, layer)
            _curves(part.add_subplot(grid[:, columns + 2 :]), seen, index)


def _states_of(part: Any, grid: Any, seen: Settling, index: int, layer: int) -> None:
    """Draw a layer's states under the right label, and below how they differ from those under the rival."""
    reach = max(float(seen.change(layer, index, i).abs().max()) for i in range(seen.iterations + 1)) or 1
    for iteration in range(seen.iterations + 1):
        state, change = (part.add_subplot(grid[2 * layer + row, 2 + iteration]) for row in (0, 1))
        style.bare(state)
        style.bare(change)
        state.imshow(seen.state(layer, index, iteration).float().numpy(), cmap="gray", vmin=0, vmax=1)
        change.imshow(seen.change(layer, index, iteration).float().numpy(), cmap="RdBu", vmin=-reach, vmax=reach)
        if layer == 0:
            state.set_title("start" if iteration == 0 else str(iteration), fontsize=6, pad=2)
        if iteration == 0:
            beside: Any = {"rotation": 0, "ha": "right", "va": "center", "fontsize": 6}
            state.set_ylabel(f"layer {layer + 1}\n{seen.name(seen.right[index])}", color=RIGHT, **beside)
            change.set_ylabel(f"minus that\nunder {seen.name(seen.rivals[index])}", color=RIVAL, **beside)


def _image_and_map(part: Any, grid: Any, seen: Settling, index: int) -> None:
    """Draw the image, and below it what speaks for the right label."""
    half = len(seen.pictures)
    image = seen.images[index]
    axes = part.add_subplot(grid[:half, 0])
    style.bare(axes)
    axes.imshow((image[0] if len(image) == 1 else image.permute(1, 2, 0)).numpy(), cmap="gray", vmin=0, vmax=1)
    axes.set_title("image", fontsize=6, pad=2)
    axes = part.add_subplot(grid[half:, 0])
    style.bare(axes)
    shown = seen.looks_at[index]
    reach = float(shown.abs().max().clamp(min=1e-12))
    axes.imshow(shown.numpy(), cmap="RdBu", vmin=-reach, vmax=reach)
    axes.set_title(f"for {seen.names[seen.right[index]]},\nnot {seen.names[seen.rivals[index]]}", fontsize=6, pad=2)


def _curves(axes: "Axes", seen: Settling, index: int) -> None:
    """Draw the goodness of every label over iterations, above the mean of all labels."""
    right, rival = seen.right[index], seen.rivals[index]
    first, last = seen.counted
    axes.axvspan(first - 0.5, last + 0.5, color="#EEEEEE", zorder=0)
    for label in range(seen.lead.shape[2]):
        if label not in (right, rival):
            axes.plot(seen.lead[index, :, label].numpy(), color="#BBBBBB", linewidth=0.6)
    axes.plot(seen.lead[index, :, rival].numpy(), color=RIVAL, label=seen.name(rival))
    axes.plot(seen.lead[index, :, right].numpy(), color=RIGHT, label=f"{seen.name(right)}, right")
    axes.set_title("goodness less its mean over labels", fontsize=6, pad=2)
    axes.set_xticks(range(0, seen.iterations + 1, 2))
    axes.set_xlabel("iteration; grey: counted", fontsize=6, labelpad=1)
    axes.tick_params(labelsize=6)
    axes.legend(loc="best", fontsize=6)


def draw_gif(seen: Settling, path: Path, *, title: str) -> None:
    """Draw the images, the states under the right label and the goodness of all labels, a frame per iteration.

    Args:
        seen: images while the network settles.
        path: the GIF to write; its folder is made.
        title: of the frames.
    """
    import matplotlib
    from matplotlib.animation import PillowWriter
    from matplotlib.figure import Figure

    path.parent.mkdir(parents=True, exist_ok=True)
    writer = PillowWriter(fps=FRAMES_PER_SECOND)
    with matplotlib.rc_context(style.RC):
        figure = Figure(figsize=(style.PAGE, 1.1 + 0.9 * (len(seen.pictures) + 1)), layout="constrained")
        with writer.saving(figure, str(path), dpi=120):
            for iteration in range(seen.iterations + 1):
                figure.clear()
                _frame(figure, seen, iteration, title)
                writer.grab_frame()


def _frame(figure: "Figure", seen: Settling, iteration: int, title: str) -> None:
    """Draw one iteration: a column per image."""
    counted = ", counted" if seen.counted[0] <= iteration <= seen.counted[1] else ""
    figure.suptitle(f"{title}\niteration {iteration}{counted}", fontsize=8)
    panels = figure.subplots(len(seen.pictures) + 2, len(seen.images), squeeze=False)
    for index, column in enumerate(panels.T):
        image = seen.images[index]
        shown = [image[0] if len(image) == 1 else image.permute(1, 2, 0)]
        shown += [states[index, seen.right[index], iteration] for states in seen.pictures]
        for row, (axes, picture) in enumerate(zip(column, shown, strict=False)):
            style.bare(axes)
            axes.imshow(picture.float().numpy(), cmap="gray", vmin=0, vmax=1)
            if index == 0:
                axes.set_ylabel("image" if row == 0 else f"layer {row}", rotation=0, ha="right", va="center")
        lead, bars = seen.lead[index, iteration], column[-1]
        colours = [RIGHT if label == seen.right[index] else "#BBBBBB" for label in range(len(lead))]
        bars.bar(range(len(lead)), lead.numpy(), color=colours)
        reach = float(seen.lead[index].abs().max())
        bars.set(ylim=(-reach, reach), xticks=[], yticks=[])
        bars.set_xlabel(f"labels; {seen.name(seen.right[index])} is right", fontsize=6)
        if index == 0:
            bars.set_ylabel("goodness", rotation=0, ha="right", va="center")
