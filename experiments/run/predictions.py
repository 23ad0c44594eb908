"""`predictions.npz`: what a run answered for each image that judged it, and how sure it was. Reading needs no torch."""

import io
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

    from convff import ImageData, Score
    from experiments.run.evaluate import Evaluated

FILE = "predictions.npz"
TOP = 5  # classes per image
LARGEST = 2**29  # bytes of all arrays; a file that unpacks to more was not written by a run
OF_A_CLASS = 2
KEPT = 6  # pictures of the surest right answers, and as many of the surest wrong ones

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Predictions:
    """The answers of a run for N images of K classes.

    Args:
        by: name of the evaluation that gave them.
        class_names: names of the K classes.
        right: right class of each image, `[N]`.
        best: classes with the highest scores, best first, `[N, M]`; M is 1 if the scores are unknown.
        scores: their scores, `[N, M]`; `[N, 0]` if they are unknown, and minus infinity where a class was not tried.
        kept: indices of the images whose pixels are kept, `[S]`.
        images: these images, uint8 `[S, C, H, W]`.

    Example:
        >>> right, best = np.array([0, 1]), np.array([[0, 1], [0, 1]])
        >>> nothing = np.zeros(0, int), np.zeros((0, 1, 8, 8), np.uint8)
        >>> found = Predictions("head", ("cat", "dog"), right, best, np.array([[2.0, 1.0], [3.0, 0.5]]), *nothing)
        >>> found.correct.tolist(), found.margin.tolist(), found.surest(right=False, count=2)
        ([True, False], [1.0, 2.5], [1])
    """

    by: str
    class_names: tuple[str, ...]
    right: npt.NDArray[np.int64]
    best: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    kept: npt.NDArray[np.int64]
    images: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        """Return the number of images N."""
        return len(self.right)

    @property
    def given(self) -> npt.NDArray[np.int64]:
        """The answers: the class with the highest score of each image, `[N]`."""
        return self.best[:, 0]

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Whether each answer is right, `[N]`."""
        correct: npt.NDArray[np.bool_] = self.given == self.right
        return correct

    @property
    def margin(self) -> npt.NDArray[np.float64]:
        """By how much the highest score exceeds the second one, `[N]`; 0 where only one class was tried."""
        if self.scores.shape[1] < 2:
            return np.zeros(len(self))
        second = self.scores[:, 1]
        return np.where(np.isfinite(second), self.scores[:, 0] - np.where(np.isfinite(second), second, 0), 0)

    def surest(self, *, right: bool, count: int) -> list[int]:
        """Return the indices of the right, or wrong, answers with the largest margins, the surest first.

        At most `OF_A_CLASS` are of one class, unless there are too few of others.
        """
        if self.scores.shape[1] < 2:
            return []
        some = np.flatnonzero(self.correct == right)
        ranked = [int(index) for index in some[np.argsort(-self.margin[some], kind="stable")]]
        seen: Counter[int] = Counter()
        first: list[int] = []
        others: list[int] = []
        for index in ranked:
            seen[int(self.right[index])] += 1
            (first if seen[int(self.right[index])] <= OF_A_CLASS else others).append(index)
        chosen = {*first[:count], *others[: max(0, count - len(first))]}
        return [index for index in ranked if index in chosen]

    def most_common(self) -> tuple[str, float]:
        """Return the most common right class, and the share of images that have it."""
        counts = np.bincount(self.right, minlength=len(self.class_names))
        return self.class_names[int(counts.argmax())], float(counts.max() / max(1, len(self)))


def best_first(scores: "Tensor", count: int, predicted: "Tensor | None" = None) -> "tuple[Tensor, Tensor]":
    """Return the highest scores and their classes, best first; of equal scores the first class, as `argmax`.

    Args:
        scores: scores `[N, K]`, on any device.
        count: M, the number of classes for each image; at most all K.
        predicted: classes `[N]` that go before all others of an equal score; some evaluations do not take the first.

    Returns:
        scores in float64 and classes, both `[N, min(M, K)]` in main memory.

    Example:
        >>> import torch
        >>> [found.tolist() for found in best_first(torch.tensor([[1.0, 3.0, 3.0, 2.0]]), 3)]
        [[[3.0, 3.0, 2.0]], [[1, 2, 3]]]
    """
    values, classes = scores.cpu().double().sort(dim=1, descending=True, stable=True)
    if predicted is not None:
        ahead = classes.eq(predicted.cpu()[:, None]) & values.eq(values[:, :1])
        order = ahead.int().sort(dim=1, descending=True, stable=True).indices
        values, classes = values.gather(1, order), classes.gather(1, order)
    return values[:, :count], classes[:, :count]


def predictions_of(by: str, score: "Score", data: "ImageData") -> Predictions:
    """Return the answers of an evaluation that predicts, with the pictures of the surest ones.

    Args:
        by: its name.
        score: what it returned.
        data: the images that it judged.
    """
    assert score.predicted is not None
    right = data.classes.cpu().numpy()
    best, scores = score.predicted.cpu().numpy()[:, None], np.zeros((len(right), 0))
    if score.scores is not None:
        values, classes = best_first(score.scores, TOP, score.predicted)
        best, scores = classes.numpy(), values.numpy()
    none = np.zeros(0, np.int64), np.zeros((0, *data.shape), np.uint8)
    found = Predictions(by, tuple(data.class_names), right, best, scores, *none)
    kept = [*found.surest(right=True, count=KEPT), *found.surest(right=False, count=KEPT)] or [0][: len(data)]
    return _with_pictures(found, kept, data)


def _with_pictures(found: Predictions, kept: Sequence[int], data: "ImageData") -> Predictions:
    images = data.images[list(kept)].cpu().numpy()
    return Predictions(
        found.by, found.class_names, found.right, found.best, found.scores, np.array(kept, np.int64), images
    )


def keep_predictions(found: "Evaluated", judged: "ImageData", folder: Path) -> None:
    """Write `predictions.npz` of a run, if one of its evaluations predicts classes.

    Args:
        found: the evaluations.
        judged: the images that they judged.
        folder: the run folder.
    """
    if found.predicts is not None:
        write_predictions(predictions_of(found.predicts, found.scores[found.predicts], judged), folder / FILE)


def write_predictions(found: Predictions, path: Path) -> None:
    """Write predictions to a file, atomically; `numpy.load` reads it."""
    from convff import write_atomically  # imports torch, which readers do without

    few = np.uint16 if len(found.class_names) < 2**16 else np.uint32
    file = io.BytesIO()
    np.savez_compressed(
        file,
        by=np.array(found.by),
        class_names=np.array(found.class_names),
        right=found.right.astype(few),
        best=found.best.astype(few),
        scores=found.scores.astype(np.float32),
        kept=found.kept.astype(np.uint32),
        images=found.images,
    )
    write_atomically(path, file.getvalue())


def read_predictions(path: Path) -> Predictions | None:
    """Read the predictions of a run; None if it has none, as runs of earlier versions.

    Raises:
        ValueError: the file was not written by a run; the message names it.
    """
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(each.file_size for each in packed.infolist()) > LARGEST:
                raise ValueError(f"it unpacks to more than {LARGEST} bytes")
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in ("by", "class_names", "right", "best", "scores", "kept", "images")}
        found = Predictions(
            str(held["by"]),
            tuple(map(str, held["class_names"])),
            held["right"].astype(np.int64),
            held["best"].astype(np.int64),
            held["scores"].astype(np.float64),
            held["kept"].astype(np.int64),
            held["images"],
        )
        _check(found)
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} was not written by a run: {error}") from error
    return found


def _check(found: Predictions) -> None:
    """Raise ValueError for arrays that do not belong together."""
    count, classes = len(found.right), len(found.class_names)
    if found.right.ndim != 1 or found.best.shape[:1] != (count,) or found.best.ndim != 2 or not found.best.shape[1]:
        raise ValueError(f"there must be classes [N] and [N, M], got {found.right.shape} and {found.best.shape}")
    if found.scores.shape not in (found.best.shape, (count, 0)):
        raise ValueError(f"there must be scores {found.best.shape}, got {found.scores.shape}")
    if any(array.size and array.max() >= classes for array in (found.right, found.best)):
        raise ValueError(f"there is a class beyond the {classes} that have a name")
    if found.images.ndim != 4 or found.images.dtype != np.uint8 or found.images.shape[1] not in (1, 3):
        raise ValueError(f"images must be uint8 [S, C, H, W] with 1 or 3 channels, got {found.images.shape}")
    if found.kept.shape != found.images.shape[:1] or (found.kept.size and found.kept.max() >= count):
        raise ValueError("there must be an index of one of the images for each picture")
