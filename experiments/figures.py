"""Figures of a run, drawn from what it measured. No display is needed."""

from pathlib import Path

import torch
from torch import Tensor

from convff import ImageData


def learning_curve(rows: list[dict[str, float]], path: Path, *, title: str) -> None:
    """Discrimination of every block and accuracy on held-out images, against epochs.

    Args:
        rows: the rows of `metrics.csv`, one an epoch.
        path: the PNG to write; its folder is made.
        title: what the data are called.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    epochs = [row["epoch"] for row in rows]
    for name in rows[0]:
        if name.startswith("discrimination_"):
            block = name.removeprefix("discrimination_")
            axes.plot(epochs, [row[name] for row in rows], marker=".", label=f"right over wrong label, block {block}")
    for name, label in (
        ("validation_goodness_accuracy", "goodness accuracy,\nheld-out images"),
        ("train_accuracy", "accuracy, training images"),
    ):
        if name in rows[0]:
            axes.plot(epochs, [row[name] for row in rows], color="black", linewidth=2, marker="o", label=label)
    axes.set(xlabel="epoch", ylabel="share right", ylim=(0, 1.02), title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    figure.legend(fontsize="small", loc="outside right upper")
    save(figure, path)


def confusion_counts(predicted: Tensor, right: Tensor, num_classes: int) -> Tensor:
    """How often each class (row) was taken for each (column): int64 `[K, K]`.

    Example:
        >>> confusion_counts(torch.tensor([1, 1]), torch.tensor([0, 1]), 2)
        tensor([[0, 1],
                [0, 1]])
    """
    return torch.bincount(right * num_classes + predicted, minlength=num_classes**2).view(num_classes, num_classes)


def confusion_matrix(predicted: Tensor, data: ImageData, path: Path, *, title: str) -> None:
    """Predicted against right classes, in per cent of the images of each right class.

    Args:
        predicted: predicted classes `[N]`.
        data: the images' right classes and names.
        path: the PNG to write; its folder is made.
        title: what the data are called.
    """
    from matplotlib.figure import Figure

    counts = confusion_counts(predicted.cpu(), data.classes.cpu(), data.num_classes).double()
    shares = 100 * counts / counts.sum(dim=1, keepdim=True).clamp_min(1)
    size = max(4.8, min(16.0, 1.5 + 0.45 * data.num_classes))
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    ticks = range(data.num_classes)
    axes.set_xticks(ticks, data.class_names, rotation=90, fontsize=8 if data.num_classes <= 20 else 4)
    axes.set_yticks(ticks, data.class_names, fontsize=8 if data.num_classes <= 20 else 4)
    axes.set(xlabel="predicted class", ylabel="right class", title=title)
    if data.num_classes <= 20:
        for row in ticks:
            for column in ticks:
                share = float(shares[row, column])
                color = "white" if share > 55 else "black"
                axes.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=7, color=color)
    figure.colorbar(picture, ax=axes, shrink=0.7, label="% of the right class")
    save(figure, path)


def save(figure: object, path: Path) -> None:
    """Write a figure; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)  # type: ignore[attr-defined]
