"""Networks without backpropagation as a scikit-learn classifier. Imported only when it is asked for."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from convff.classifier import Classifier
from convff.estimator_parts import (
    FOR_VECTORS,
    OPTIONS,
    ScaledImages,
    model_options,
    new_labels,
    new_net,
    new_place,
    new_rule,
)
from convff.estimator_values import as_vectors, device_and_precision, new_schedule, one_of, seen_shape
from convff.evaluations import EVALUATIONS
from convff.training.trainer import Trainer

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # before scikit-learn 1.6 it was a method

    def validate_data(estimator: Any, *args: Any, **options: Any) -> Any:
        """Check and convert X and y; set or compare the number and the names of the features."""
        return estimator._validate_data(*args, **options)


SCORED_AT_ONCE = 256  # images


class ForwardForwardClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A network whose layers learn on their own, without backpropagation, as a scikit-learn classifier.

    X holds vectors `[N, D]` or images `[N, H, W]` or `[N, C, H, W]`; y any classes, such as strings. Arguments are
    checked by `fit`.

    Features are scaled to [0, 1] by the minimum and the maximum of the training data, and new ones are cut to that
    range. Each feature of vectors has its own range; the pixels of images share one. Vectors that are no images are
    shown twice, as x and as 1 - x, because layers divide their input by its length: the network would not see how long
    a vector is.

    There is no `predict_proba`, because goodness is no probability: it is only compared within one image, and its scale
    follows from the gate. If you need probabilities, wrap this in scikit-learn's `CalibratedClassifierCV`, which
    fits them to held-out data.

    Args:
        labels: a label family of `labels.LABELS`, such as "fourier", "morph", "onehot" or "channel", for labels that
            images show; "none" if no image shows one.
        label_at: where the label meets the activity: "image", "stream" or "beside" with a label family; "output",
            "blocks" or "gains" without. By default in the image if there are labels to show, else at the output, which
            learns fastest and predicts with one pass per image.
        rule: "ff" (Forward-Forward) or "hebbff" (Hebbian Forward-Forward).
        model: "mlp" for any X; "cnn3" or "cnn6" for images.
        widths: units, or filters, of each layer: numbers from the first layer to the last, or one number for all
            layers; by default (200, 200) for "mlp". Where the label is at the output, they are rounded to multiples of
            the number of classes.
        scale: steepness of the gate; None for the place's usual one.
        image_shape: `(H, W)` or `(C, H, W)`, for vectors that are images.
        epochs: passes over the data.
        batch_size: images per step, at least 2.
        optimizer: a name in `convff.OPTIMIZERS`.
        lr: learning rate, which falls to 0 in the second half; None for the optimiser's usual one.
        random_state: an int makes `fit` deterministic: on one machine, with as many threads, the bits are equal.
        device: where to compute, e.g. "cuda".
        precision: of the activities in training: "float32", "bfloat16", or "auto" for the fastest one of the device.

    Attributes:
        classes_: the classes in sorted order, `[K]`.
        n_features_in_: values of a vector or an image.
        feature_names_in_: names of the features, if X has some.
        image_shape_: channels, height and width that the network sees; (2, 1, D) for vectors.
        classifier_: the trained `convff.Classifier`: goodness, maps and `save`; see `to_images`.

    Example:
        >>> import numpy as np
        >>> X = np.array([[0.0, 1.0], [0.1, 0.9], [1.0, 0.0], [0.9, 0.1]] * 5)
        >>> y = np.array(["cat", "cat", "dog", "dog"] * 5)
        >>> ForwardForwardClassifier(random_state=0).fit(X, y).predict(X[:3]).tolist()
        ['cat', 'cat', 'dog']

    Reference:
        Hinton 2022, "The Forward-Forward Algorithm"; Krutsylo, "The Hebbian Forward-Forward Algorithm";
        Papachristodoulou et al. 2024 for the label at the output; Scodellaro et al. 2025 for labels all over the image.
    """

    def __init__(
        self,
        *,
        labels: str = "none",
        label_at: str | None = None,
        rule: str = "ff",
        model: str = "mlp",
        widths: int | tuple[int, ...] | None = None,
        scale: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        epochs: int = 20,
        batch_size: int = 32,
        optimizer: str = "orthogonal",
        lr: float | None = None,
        random_state: Any = None,
        device: str = "cpu",
        precision: str = "float32",
    ) -> None:
        self.labels = labels
        self.label_at = label_at
        self.rule = rule
        self.model = model
        self.widths = widths
        self.scale = scale
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.random_state = random_state
        self.device = device
        self.precision = precision

    def fit(self, X: Any, y: Any) -> "ForwardForwardClassifier":
        """Train a new network.

        Args:
            X: vectors `[N, D]`, or images `[N, H, W]` or `[N, C, H, W]`.
            y: a class for each, `[N]`.

        Raises:
            ValueError: an argument of the constructor, which the message names; X or y of another shape; not finite;
                or fewer than 2 classes.
            DivergedError: the training diverged, because the rate is too high.

        Warns:
            TrainingWarning: a layer is dead, its gates are saturated, or its weights grow without bound.
        """
        vectors, shape = as_vectors(X)
        vectors, y = validate_data(self, vectors, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least 2 classes, got 1 class: {self.classes_[0]!r}")
        rows = one_of("model", self.model, OPTIONS) in FOR_VECTORS
        self.image_shape_ = seen_shape(self.image_shape, vectors.shape[1], shape, rows=rows)
        self._given_shape = shape
        self._are_images = shape is not None or self.image_shape is not None
        over = None if self._are_images else 0  # pixels share a range, features do not
        self._low = vectors.min(axis=over).astype(np.float64)
        span = vectors.max(axis=over).astype(np.float64) - self._low
        self._span = np.where(span > 0, span, 1.0)
        pixels = torch.from_numpy(self._scaled(vectors)).float()
        self.classifier_ = self._trained(pixels, torch.from_numpy(codes.astype(np.int64)))
        return self

    def _trained(self, images: Tensor, classes: Tensor) -> Classifier:
        """Return a network trained on float images `[N, C, H, W]` in [0, 1] with classes `[N]`."""
        device, precision = device_and_precision(self.device, self.precision)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        count = len(self.classes_)
        place = new_place(self.label_at, self.labels, count)
        labels = new_labels(self.labels, place, count, self.image_shape_)
        rule = new_rule(self.rule, place, self.scale)
        options = model_options(self.model, self.widths, self.image_shape_, rule, labels)
        channels, height, width = self.image_shape_
        net = new_net(self.model, (labels.channels(channels), height, width), options, seed).to(device)
        schedule = new_schedule(self.epochs, self.batch_size, self.optimizer, self.lr)
        trainer = Trainer(net, labels, rule, schedule=schedule, seed=seed, precision=precision)
        for _ in trainer.fit(ScaledImages(images.to(device), classes.to(device), count)):
            pass
        return Classifier(
            net,
            labels,
            rule,
            class_names=[str(each) for each in self.classes_],
            image_shape=self.image_shape_,
            modules=trainer.step.modules,
            model=self.model,
            options=options,
            device=device,
            first_block=0,
        )

    def _scaled(self, vectors: NDArray[Any]) -> NDArray[np.float64]:
        """Return vectors `[N, D]` as images `[N, C, H, W]` in [0, 1]."""
        scaled: NDArray[np.float64] = np.clip(np.subtract(vectors, self._low, dtype=np.float64) / self._span, 0.0, 1.0)
        if not self._are_images:
            scaled = np.concatenate([scaled, 1.0 - scaled], axis=1)  # else a layer's norm would take their length away
        channels, height, width = self.image_shape_
        return scaled.reshape(-1, channels, height, width)

    def _images(self, X: Any) -> Tensor:
        """Return X as float64 images `[N, C, H, W]` in [0, 1].

        Raises:
            NotFittedError, ValueError: see `to_images`.
        """
        check_is_fitted(self)
        vectors, shape = as_vectors(X)
        if shape is not None and self._given_shape is not None and shape != self._given_shape:
            raise ValueError(f"X must hold images of {list(self._given_shape)}, as in fit, got {list(shape)}")
        return torch.from_numpy(self._scaled(validate_data(self, vectors, reset=False)))

    def to_images(self, X: Any) -> Tensor:
        """Return X as the network sees it, float32 `[N, C, H, W]` in [0, 1]: what `classifier_` takes.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X has another number of features than in `fit`, or is not finite.
        """
        return self._images(X).float()

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the goodness of each class, `[N, K]`; for two classes that of the second minus the first, `[N]`.

        It is computed in float64, so that the scores of an image do not depend on the others beside it.

        Raises:
            NotFittedError, ValueError: see `to_images`.
        """
        images = self._images(X)
        net, run = deepcopy(self.classifier_.net).double(), self.classifier_.run
        run = replace(run, modules={name: deepcopy(module).double() for name, module in run.modules.items()})
        score = EVALUATIONS[self.classifier_.ways[0]].scores
        assert score is not None
        with torch.no_grad():
            parts = [score(net, run, part.to(self.classifier_.device)) for part in images.split(SCORED_AT_ONCE)]
        scores: NDArray[np.float64] = torch.cat(parts).cpu().double().numpy()
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class with the highest goodness for each vector or image, `[N]`; of equal ones the first.

        Raises:
            NotFittedError, ValueError: see `to_images`.
        """
        scores = self.decision_function(X)
        best = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        predicted: NDArray[Any] = self.classes_[best]
        return predicted
