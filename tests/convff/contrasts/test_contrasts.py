"""What goes through the network in a step: the layout of its rows, what is drawn for them, and with which scores."""

import pytest
import torch
from torch import Tensor

from convff import (
    RULES,
    AtOutput,
    Batch,
    Contrast,
    ForwardForward,
    LabelContrast,
    Labels,
    Layout,
    LinearReadout,
    LocalStep,
    Passes,
    RandomNegatives,
    Schedule,
    Setup,
    Trainer,
    Unlabelled,
    contrast_of,
    keyed_generator,
    label_passes,
)
from convff.contrasts import Scores
from labels import FourierLabels, LearnedLabels, NoLabels
from tests.convff.samples import ADDITIVE, SIZE, network, noise

CLASSES = 5
LABELS = FourierLabels(CLASSES, SIZE)


def batch(count: int = 7) -> Batch:
    images = torch.rand(count, 3, *SIZE, generator=keyed_generator(0, "images"))
    return Batch(images, torch.arange(count) % CLASSES)


@pytest.mark.parametrize(
    ("images", "passes", "stream"), [(4, 3, 0), (4, 1, 0), (4, 1, CLASSES), (3, 2, CLASSES), (1, 1, 0)]
)
def test_a_layout_tells_passes_and_stream_apart(images: int, passes: int, stream: int) -> None:
    layout = Layout(torch.zeros(images, dtype=torch.int64), passes=passes, stream=stream)
    rows = images * passes + stream
    assert layout.rows == rows
    values = torch.arange(rows * 2.0).view(rows, 2)
    by_image, of_stream = layout.by_image(values), layout.of_stream(values)
    assert by_image.shape == (images, passes, 2)
    assert of_stream.shape == (stream, 2)
    for row in range(rows):
        found = of_stream[row - images * passes] if row >= images * passes else by_image[row // passes, row % passes]
        assert found.tolist() == [2.0 * row, 2.0 * row + 1]
    assert layout.by_image(values[:, 0]).shape == (images, passes)


class TestLabelContrast:
    """Copies of each image with a right label and with wrong ones."""

    @pytest.mark.parametrize("count", [1, 3])
    def test_it_labels_each_image_rightly_first(self, count: int) -> None:
        given = batch()
        inputs, layout = LabelContrast(LABELS, RandomNegatives(count))(given, keyed_generator(0, "draws"))
        wrong = RandomNegatives(count)(given.targets, CLASSES, keyed_generator(0, "draws"))
        assert torch.equal(layout.targets, given.targets)
        assert torch.equal(layout.labels, torch.cat([given.targets[:, None], wrong], dim=1))
        assert (layout.passes, layout.stream, layout.rows) == (count + 1, 0, len(inputs))
        assert torch.equal(inputs, label_passes(LABELS, given.inputs, layout.labels))

    @pytest.mark.parametrize("count", [1, 3])
    @pytest.mark.parametrize("rows", [slice(0, 2), slice(2, None), slice(3, 4)], ids=str)
    def test_it_draws_for_the_whole_batch_whatever_rows_are_asked_for(self, rows: slice, count: int) -> None:
        contrast, given = LabelContrast(LABELS, RandomNegatives(count)), batch()
        draws, draws_of_part = (keyed_generator(0, "draws") for _ in range(2))
        whole, part = contrast(given, draws), contrast(given, draws_of_part, rows=rows)
        assert torch.equal(draws.get_state(), draws_of_part.get_state())
        assert torch.equal(part.layout.targets, given.targets[rows])
        assert torch.equal(part.layout.labels, whole.layout.labels[rows])
        expected = whole.inputs.unflatten(0, (7, count + 1))[rows].flatten(0, 1)
        assert torch.equal(part.inputs, expected)
        assert part.layout.rows == len(expected)

    def test_it_knows_its_labels_and_takes_one_wrong_label_unless_told(self) -> None:
        contrast = LabelContrast(LABELS)
        assert contrast.labels is LABELS
        assert contrast(batch(), keyed_generator(0, "draws")).layout.passes == 2


class TestUnlabelled:
    """Images alone."""

    @pytest.mark.parametrize("rows", [slice(None), slice(2, 5)], ids=str)
    def test_it_makes_one_pass_an_image_and_draws_nothing(self, rows: slice) -> None:
        given, draws = batch(), keyed_generator(0, "draws")
        inputs, layout = Unlabelled(LABELS)(given, draws, rows=rows)
        assert torch.equal(inputs, LABELS.neutral(given.inputs[rows]))
        assert torch.equal(layout.targets, given.targets[rows])
        assert (layout.labels, layout.passes, layout.stream, layout.rows) == (None, 1, 0, len(inputs))
        assert torch.equal(draws.get_state(), keyed_generator(0, "draws").get_state())

    def test_it_carries_no_labels_that_could_learn(self) -> None:
        learned = LearnedLabels(3, SIZE)
        contrast = Unlabelled(learned)
        assert contrast.labels is None
        net = network("cnn3", learned)
        setup = {"net": net, "labels": learned}
        assert LocalStep(RULES["ff"](), Setup(**setup)).trainable_labels is learned
        at_output = ForwardForward(label_at=AtOutput(3))
        assert LocalStep(at_output, Setup(**setup, contrast=contrast)).trainable_labels is None


def test_a_rule_without_a_contrast_of_its_own_compares_labels() -> None:
    assert type(contrast_of(object(), LABELS)) is LabelContrast
    assert type(contrast_of(RULES["hebbff"](), LABELS)) is LabelContrast
    made = contrast_of(RULES["hebbff"](label_at=AtOutput(3)), NoLabels(3))
    assert type(made) is Unlabelled
    assert made.neutral.num_classes == 3


class Hard:
    """One wrong label per image: the one that the network as it is takes for the likeliest of the wrong ones."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.asked: list[tuple[Scores | None, Tensor]] = []

    def __call__(
        self, batch: Batch, generator: torch.Generator, scores: Scores | None = None, rows: slice = slice(None)
    ) -> Passes:
        found = torch.zeros(len(batch.targets), CLASSES) if scores is None else scores(batch.inputs)
        self.asked.append((scores, found))
        wrong = found.scatter(1, batch.targets[:, None], -torch.inf).argmax(dim=1)
        labels = torch.stack([batch.targets, wrong], dim=1)[rows]
        return Passes(label_passes(self.labels, batch.inputs[rows], labels), Layout(labels[:, 0], labels, 2))


@pytest.mark.parametrize("reads", [True, False])
def test_a_contrast_gets_the_scores_of_the_trainers_readout(reads: bool) -> None:
    labels = ADDITIVE["fourier"]
    net, contrast = network("cnn3", labels), Hard(labels)
    checked: Contrast = contrast
    readout = LinearReadout(net, labels, (3, *SIZE), lr=0.1) if reads else None
    trainer = Trainer(
        net, labels, RULES["ff"](), schedule=Schedule(epochs=2, batch_size=6), contrast=checked, readout=readout
    )
    assert len(list(trainer.fit(noise()))) == 2
    assert len(contrast.asked) == 4
    assert all(scores is readout for scores, _ in contrast.asked)
    of_steps = [found for _, found in contrast.asked]
    assert all(found.shape == (6, CLASSES) for found in of_steps)
    # The readout starts from zero weights and learns beside the blocks: its scores are those of the network as it is.
    assert not of_steps[0].any()
    assert of_steps[-1].any() == reads
