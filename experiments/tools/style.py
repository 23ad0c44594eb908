"""The house style of all figures: readable at the width of a paper's column, and by the colour-blind.

Every figure is written twice, as PNG to look at and as PDF to print; no display and no network is needed. Imports
matplotlib only when something is drawn.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN, PAGE = 3.5, 7.2  # widths in inches: one column, and both
INK = "#222222"
# Okabe & Ito 2008, "Color universal design", without the yellow, which is too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

RC: Any = {  # newer versions of matplotlib know the names as types, older ones do not
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "text.parse_math": False,  # a $ in the name of a class or a file begins no formula
    "image.interpolation": "nearest",
    "savefig.dpi": 250,
    "pdf.fonttype": 42,  # text that other programs can edit
}


@contextmanager
def new_figure(path: Path, *, width: float, height: float, pictures: bool = False) -> Iterator["Figure"]:
    """Yield a figure in the house style, and write it when the block ends.

    Args:
        path: where to write; `.png` and `.pdf` replace its suffix, and its folder is made.
        width: in inches: `COLUMN` or `PAGE`, so that text has its size in print.
        height: in inches.
        pictures: whether it is a grid of pictures, which are laid out close together.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(width, height), layout="compressed" if pictures else "constrained")
        yield figure
        _write_logarithms_plainly(figure)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path.with_suffix(".png"))
        figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})  # the same bytes at every call


def _write_logarithms_plainly(figure: "Figure") -> None:
    """Write the ticks of logarithmic axes as numbers: by default matplotlib writes them as formulas."""
    from matplotlib.ticker import LogFormatter, LogFormatterMathtext

    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        scale: Any = axis.get_transform()
        major, minor = axis.get_major_formatter(), axis.get_minor_formatter()
        for old, put in ((major, axis.set_major_formatter), (minor, axis.set_minor_formatter)):
            if isinstance(old, LogFormatterMathtext):
                put(LogFormatter(scale.base, old.labelOnlyBase, old.minor_thresholds))


def bare(axes: "Axes") -> None:
    """Prepare axes for a picture: no ticks, no grid, no frame.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().add_subplot()
        >>> bare(axes)
        >>> len(axes.get_xticks()), axes.spines["left"].get_visible()
        (0, False)
    """
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
