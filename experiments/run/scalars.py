"""The rows of `metrics.csv` as scalars for TensorBoard, which is an extra. Imports torch only to write them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from experiments.config.settings import SettingsError

FOLDER = "tensorboard"
EVENTS = "events.out.tfevents.*"
TIMES = ("images_per_second", "seconds")
Write = Callable[[Mapping[str, float]], None]


def writer_class() -> Any:
    """Return PyTorch's writer of events.

    Raises:
        SettingsError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise SettingsError('--tensorboard needs TensorBoard: pip install "convff[tensorboard]"') from error
    return SummaryWriter


def tag_of(column: str) -> str:
    """Return the tag of a column of `metrics.csv`; TensorBoard shows tags with one beginning together.

    Example:
        >>> [tag_of(column) for column in ("weight_rms_2", "validation_goodness_accuracy", "seconds", "readout_loss")]
        ['weight_rms/block_2', 'validation/goodness_accuracy', 'time/seconds', 'network/readout_loss']
    """
    if found := re.fullmatch(r"(.+)_(\d+)", column):
        return f"{found[1]}/block_{found[2]}"
    if column.startswith("validation_"):
        return column.replace("_", "/", 1)
    return f"time/{column}" if column in TIMES else f"network/{column}"


@contextmanager
def scalars(run: Path, rows: Sequence[Mapping[str, float]], *, wanted: bool) -> Iterator[Write]:
    """Yield what writes a row, at its epoch, into `RUN/tensorboard/`.

    The events of earlier rows are written anew, so that a resumed run has each point once.

    Args:
        run: the run folder.
        rows: the rows so far.
        wanted: whether anything is written.
    """
    if not wanted:
        yield lambda row: None
        return
    for file in (run / FOLDER).glob(EVENTS):
        file.unlink()
    # The step tells a TensorBoard that is open to forget the points from there on: those that are written anew.
    writer = writer_class()(run / FOLDER, purge_step=1)

    def write(row: Mapping[str, float]) -> None:
        for column, value in row.items():
            if column != "epoch":
                writer.add_scalar(tag_of(column), value, int(row["epoch"]))
        writer.flush()

    try:
        for row in rows:
            write(row)
        yield write
    finally:
        writer.close()
