"""The answers of a run are those that its accuracy counts, of the evaluation that judges it."""

import pytest
import torch

from convff import ImageData, Score
from experiments.run.alike import judged_by, main_accuracy
from experiments.run.evaluate import Evaluated
from experiments.run.predictions import TOP, best_first, predictions_of
from tests.experiments.reports.samples import answers, record, written


def scored(value: float, *, unit: str = "accuracy", predicts: bool = True) -> Score:
    return Score(value=value, unit=unit, predicted=torch.tensor([0, 1]) if predicts else None)


@pytest.mark.parametrize(
    ("scores", "name"),
    [
        ({"linear": scored(0.9), "goodness": scored(0.8)}, "goodness"),
        ({"linear": scored(0.9), "dropout": scored(0.8)}, "dropout"),
        ({"linear_joint": scored(0.7), "linear": scored(0.9)}, "linear"),
        ({"linear": scored(0.9), "goodness": scored(0.8, predicts=False)}, "linear"),
        ({"entropy": scored(2.0, unit="bits"), "linear": scored(0.9)}, "linear"),
        ({"goodness_train": scored(0.99, predicts=False), "linear": scored(0.9)}, "linear"),
        ({"entropy": scored(2.0, unit="bits", predicts=False)}, None),
    ],
)
def test_the_answers_are_those_of_the_accuracy_that_is_named_first(scores: dict[str, Score], name: str | None) -> None:
    found = Evaluated(scores=scores)
    assert found.predicts == name
    named = main_accuracy({"accuracy": found.accuracy})
    assert named == name or named not in scores or scores[named].predicted is None


def test_an_accuracy_on_training_images_judges_no_run() -> None:
    results = {"accuracy": {"linear": 0.5, "goodness_train": 0.99}}
    assert (judged_by(results), main_accuracy(results)) == ("", "linear")
    text = written(record(0.99, readout=0.5, images=360, name="goodness_train"), None)
    assert "50.0\u00a0% of 360 test images" in text
    assert "99.0\u00a0%" not in text


def test_a_report_names_the_evaluation_that_gave_the_answers() -> None:
    assert "Answers by goodness inference, here and below." in written(record(0.5, readout=0.9), answers())
    assert "here and below" not in written(record(0.5, readout=0.9), None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_of_equal_scores_the_first_class_is_the_answer_as_for_the_accuracy(dtype: torch.dtype) -> None:
    images, classes = torch.zeros(40, 1, 8, 8, dtype=torch.uint8), torch.arange(40) % 20
    data = ImageData(images, classes, tuple(map(str, range(20))), "toy")
    draw = torch.Generator().manual_seed(0)
    several = (torch.zeros(40, 20), torch.randint(3, (40, 20), generator=draw), torch.randn(40, 20, generator=draw))
    for scores in (each.to(dtype) for each in several):
        found = predictions_of("goodness", Score(value=0.1, predicted=scores.argmax(1), scores=scores), data)
        assert found.given.tolist() == scores.argmax(1).tolist()
        assert found.best.shape == found.scores.shape == (40, TOP)


def test_of_equal_scores_the_answer_is_the_one_that_was_counted() -> None:
    scores, counted = torch.tensor([[1.0, 2.0, 2.0, 2.0], [0.0, 1.0, 0.0, 0.0]]), torch.tensor([3, 0])
    values, classes = best_first(scores, 3, counted)
    assert classes.tolist() == [[3, 1, 2], [1, 0, 2]]  # a lower score is never first
    assert values.tolist() == [[2.0, 2.0, 2.0], [1.0, 0.0, 0.0]]


def test_scores_of_untried_classes_come_last() -> None:
    values, classes = best_first(torch.tensor([[-torch.inf, 1.0, -torch.inf, 2.0]]), 9)
    assert classes.tolist() == [[3, 1, 0, 2]]
    assert values.tolist() == [[2.0, 1.0, -torch.inf, -torch.inf]]


@pytest.mark.parametrize("count", [2, 3])
def test_the_sentence_about_the_surest_answers_holds_for_few_classes(count: int) -> None:
    found = answers(60, ("cat", "dog", "eel")[:count])
    right = [found.right[index] for index in found.surest(right=True, count=6)]
    most = max(right.count(kind) for kind in range(count))
    text = written(record(0.5), found)
    assert (most > 2) == (count == 2)
    assert "at most two of a class, unless there are too few of others" in text
