"""Networks without backpropagation as scikit-learn knows classifiers: its own checks, searches, pipelines, copies."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_classifiers_train, parametrize_with_checks

from convff import ForwardForwardClassifier

SMALL: dict[str, Any] = {"widths": 40, "epochs": 4, "random_state": 0}


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    """Some of the digits, named by words."""
    X, y = load_digits(n_class=4, return_X_y=True)
    return X[:240], np.array(["zero", "one", "two", "three"])[y[:240]]


@parametrize_with_checks([ForwardForwardClassifier(widths=40, epochs=8)])
def test_scikit_learn_takes_it_for_a_classifier(estimator: Any, check: Any) -> None:
    """With fewer units and epochs than by default, which take most of the time."""
    check(estimator)


def test_as_it_is_by_default_it_learns_what_scikit_learn_asks_for() -> None:
    check_classifiers_train("ForwardForwardClassifier", ForwardForwardClassifier())


def test_it_learns_and_a_network_that_does_not_learn_knows_little() -> None:
    X, y = load_digits(return_X_y=True)
    train, test = slice(0, 1200), slice(1200, None)
    options: dict[str, Any] = {"random_state": 0, "widths": 100, "epochs": 5}
    learnt = ForwardForwardClassifier(**options).fit(X[train], y[train])
    untrained = ForwardForwardClassifier(**options | {"epochs": 1}, optimizer="sgd", lr=1e-12).fit(X[train], y[train])
    assert untrained.score(X[test], y[test]) < 0.4
    assert learnt.score(X[test], y[test]) > 0.85


def test_a_search_over_label_families(digits: tuple[Any, Any]) -> None:
    families = {"labels": ["fourier", "onehot"]}
    search = GridSearchCV(ForwardForwardClassifier(image_shape=(8, 8), **SMALL), families, cv=2, error_score="raise")
    search.fit(*digits)
    assert search.best_params_["labels"] in families["labels"]
    assert search.best_score_ > 0.6
    assert search.predict(digits[0]).dtype.kind == "U"


def test_in_a_pipeline_and_in_cross_validation(digits: tuple[Any, Any]) -> None:
    model = make_pipeline(StandardScaler(), ForwardForwardClassifier(**SMALL))
    assert cross_val_score(model, *digits, cv=2, error_score="raise").min() > 0.6


def test_probabilities_come_from_calibration_alone(digits: tuple[Any, Any]) -> None:
    X, y = digits
    assert not hasattr(ForwardForwardClassifier(), "predict_proba")
    model = CalibratedClassifierCV(ForwardForwardClassifier(**SMALL), cv=2).fit(X, y)
    assert model.predict_proba(X[:3]).sum(axis=1) == pytest.approx([1, 1, 1])


def test_copies_predict_the_same(digits: tuple[Any, Any]) -> None:
    X, y = digits
    model = ForwardForwardClassifier(labels="onehot", image_shape=(8, 8), **SMALL)
    copy, state = clone(model).fit(X, y), torch.get_rng_state()
    first = model.fit(X, y).decision_function(X)
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(first, copy.decision_function(X))
    assert np.array_equal(first, pickle.loads(pickle.dumps(model)).decision_function(X))
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(first, other.decision_function(X))
    assert np.array_equal(first, model.set_params(image_shape=None, labels="none").decision_function(X))  # until fit


def test_no_draw_depends_on_global_randomness(digits: tuple[Any, Any]) -> None:
    X, y = digits
    found = []
    for seed in (0, 1):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            found.append(ForwardForwardClassifier(**SMALL).fit(X, y).decision_function(X))
    assert np.array_equal(*found)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"labels": "morph", "rule": "hebbff"},
        {"model": "cnn3", "widths": (8, 8), "scale": 2.0},
        {"model": "cnn6", "widths": (4, 4, 8), "labels": "channel"},
        {"label_at": "blocks", "model": "cnn3", "widths": 6, "scale": 2.0},
        {"label_at": "stream", "labels": "fourier", "model": "cnn3", "widths": 6},
        {"label_at": "beside", "labels": "fourier", "model": "cnn3", "widths": 6},
        {"label_at": "gains"},
        {"labels": "layerwise"},
        {"labels": "learned"},
        {"optimizer": "adam", "precision": "bfloat16"},
    ],
    ids=str,
)
def test_images_of_every_shape_and_every_place_of_the_label(digits: tuple[Any, Any], options: dict[str, Any]) -> None:
    X, y = digits[0][:60], digits[1][:60]
    model = ForwardForwardClassifier(**SMALL | {"epochs": 1} | options)
    shapes = (60, 8, 8), (60, 1, 8, 8)
    gray, channels = (clone(model).fit(X.reshape(shape), y).decision_function(X) for shape in shapes)
    flat = clone(model).set_params(image_shape=(8, 8)).fit(X, y)
    assert gray.shape == (60, 4)
    assert np.isfinite(gray).all()
    assert gray.std(axis=1).min() > 0  # the classes differ for every image
    assert np.array_equal(gray, channels)
    assert np.array_equal(gray, flat.decision_function(X.reshape(60, 8, 8)))
    assert flat.n_features_in_ == 64
    assert flat.image_shape_ == (1, 8, 8)


def test_the_network_within_scores_and_explains_the_same(digits: tuple[Any, Any]) -> None:
    X, y = digits[0].reshape(-1, 8, 8), digits[1]
    model = ForwardForwardClassifier(model="cnn3", **SMALL | {"widths": 8, "epochs": 1}).fit(X, y)
    images = model.to_images(X)
    scores = model.classifier_.scores(images).numpy()
    assert scores == pytest.approx(model.decision_function(X), rel=1e-4, abs=1e-5)
    assert model.classifier_.maps(images[:2]).shares().sum(dim=1).numpy() == pytest.approx(
        scores[:2].max(axis=1), rel=1e-3
    )


def test_features_have_a_range_each_and_pixels_share_one() -> None:
    X, y = np.array([[0.0, 10.0], [2.0, 30.0], [1.0, 20.0], [2.0, 10.0]]), [0, 1, 1, 0]
    one_epoch = ForwardForwardClassifier(epochs=1, random_state=0)
    vectors = clone(one_epoch).fit(X, y)
    assert vectors.to_images([[1.0, 15.0], [-5.0, 99.0]]).flatten(1).tolist() == [
        [0.5, 0.25, 0.5, 0.75],
        [0.0, 1.0, 1.0, 0.0],
    ]
    images = clone(one_epoch).fit(X.reshape(4, 1, 2), y)
    assert images.to_images([[[15.0, 30.0]]]).flatten().tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"labels": "sound"}, "labels must be one of onehot, fourier"),
        ({"labels": "fourier", "label_at": "output"}, "labels must be none with AtOutput"),
        ({"label_at": "image"}, "labels must be one of onehot"),
        ({"label_at": "nowhere"}, "label_at must be one of image"),
        ({"labels": "fourier"}, "labels='fourier' do not fit images"),
        ({"rule": "softhebb"}, "rule must be one of ff, hebbff"),
        ({"model": "vgg"}, "model must be one of mlp, cnn3, cnn6"),
        ({"model": "cnn3"}, "image_shape must be given"),
        ({"image_shape": (7, 8)}, "image_shape must fit X"),
        ({"image_shape": 8}, "image_shape must be"),
        ({"widths": 0}, "widths must be a whole number of at least 1"),
        (
            {"widths": (8, 9), "model": "cnn3", "image_shape": (8, 8), "label_at": "blocks"},
            "widths must be equal for cnn3",
        ),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"batch_size": 1}, "batch_size must be a whole number of at least 2"),
        ({"optimizer": "newton"}, "optimizer must be one of adam"),
        ({"lr": -1}, "lr must be None or a positive number"),
        ({"scale": 0}, "scale must be None or a positive number"),
        ({"optimizer": "sgd"}, "lr must be a positive number for optimizer='sgd'"),
        ({"device": "abacus"}, "device must be one of this machine"),
        ({"precision": "float8"}, "precision must be one of float32"),
    ],
    ids=str,
)
def test_a_bad_argument_is_named_before_anything_is_trained(
    digits: tuple[Any, Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        ForwardForwardClassifier(**options).fit(*digits)


def test_images_of_another_shape_are_refused(digits: tuple[Any, Any]) -> None:
    X, y = digits
    model = ForwardForwardClassifier(**SMALL | {"epochs": 1}).fit(X.reshape(-1, 8, 8), y)
    with pytest.raises(ValueError, match=r"images of \[1, 8, 8\], as in fit, got \[1, 4, 16\]"):
        model.predict(X.reshape(-1, 4, 16))
