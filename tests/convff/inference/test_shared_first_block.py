"""Sharing the first block, and trying candidates only, must not change what comes out."""

import pytest
import torch
from torch import nn

from convff import (
    Block,
    LayerLocalNet,
    LengthNorm,
    LinearReadout,
    block_goodness,
    goodness_scores,
    mlp,
)
from convff.inference.goodness import block_goodness_of, predictions
from labels import LayerwiseLabels, MorphLabels
from tests.convff.samples import ADDITIVE, SIZE, network, noise


@pytest.mark.parametrize("family", ADDITIVE)
def test_base_and_summand_add_up_to_the_labelled_image(family: str) -> None:
    labels = ADDITIVE[family]
    images, classes = noise().images / 255.0, torch.arange(5).expand(12, -1)
    summed = labels.bases(images)[:, None] + labels.summands(images)[None]
    torch.testing.assert_close(summed, labels(images, classes), rtol=0, atol=1e-6)


@pytest.mark.parametrize("model", ["cnn3", "cnn6"])
@pytest.mark.parametrize("family", ADDITIVE)
def test_sharing_the_first_block_changes_nothing(model: str, family: str) -> None:
    labels, data = ADDITIVE[family], noise()
    net = network(model, labels)
    exact = block_goodness_of(net, data, labels, share_first=False)
    torch.testing.assert_close(block_goodness_of(net, data, labels, share_first=True), exact, rtol=2e-6, atol=0)
    tried = torch.tensor([[4, 0, 2], [1, 3, 0], [2, 1, 4]]).repeat(4, 1)
    some = block_goodness_of(net, data, labels, share_first=True, candidates=tried)
    torch.testing.assert_close(some, exact.gather(2, tried.expand(len(net), -1, -1)), rtol=2e-6, atol=0)


@pytest.mark.parametrize("model", ["cnn3", "cnn6"])
def test_what_labels_add_is_made_once_for_all_batches(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, made = LayerwiseLabels(5, SIZE), []
    summands = labels.summands
    monkeypatch.setattr(labels, "summands", lambda images: made.append(len(images)) or summands(images))
    block_goodness_of(network(model, labels), noise(), labels, share_first=True, passes_per_batch=10)
    assert len(made) == 1


def test_sharing_is_left_alone_where_it_is_not_known_to_hold() -> None:
    morph = MorphLabels(5)
    torch.manual_seed(0)
    odd = LayerLocalNet([Block(nn.GroupNorm(1, 3, affine=False), nn.Conv2d(3, 4, 3))])
    dense = mlp((3, *SIZE), widths=(6, 6))
    for net, labels in ((network("cnn6", morph), morph), (odd, ADDITIVE["fourier"]), (dense, ADDITIVE["onehot"])):
        images = noise().images / 255.0
        every = block_goodness(net, images, labels, share_first=True)
        assert torch.equal(every, block_goodness(net, images, labels, share_first=False))


@pytest.mark.parametrize("model", ["cnn3", "cnn6"])
def test_goodness_of_a_set_does_not_depend_on_how_it_is_cut(model: str) -> None:
    labels, data = ADDITIVE["channel"], noise()
    net = network(model, labels)
    whole = block_goodness(net, data.images / 255.0, labels)
    for passes in (1, 7, 1000):
        pieces = block_goodness_of(net, data, labels, passes_per_batch=passes)
        torch.testing.assert_close(pieces, whole, rtol=1e-5, atol=0)


def test_candidates_are_the_readouts_best_and_alone_are_tried() -> None:
    labels, data = ADDITIVE["fourier"], noise()
    net = network("cnn6", labels)
    readout = LinearReadout(net, labels, (3, *SIZE))
    readout.fit(data)
    scores = readout(data.images / 255.0)
    best = readout.candidates(data, 2)
    assert torch.equal(best, scores.topk(2, dim=1).indices)
    assert torch.equal(readout.predict(data), scores.argmax(dim=1))

    some = block_goodness_of(net, data, labels, candidates=best)
    predicted = predictions(some, [1, 2], best)
    assert all(image_class in tried for image_class, tried in zip(predicted, best, strict=True))
    by_hand = goodness_scores(net, data.images / 255.0, labels, candidates=best).argmax(dim=1)
    assert torch.equal(predicted, by_hand)


@pytest.mark.parametrize("count", [0, 6])
def test_there_are_as_many_candidates_as_classes_at_most(count: int) -> None:
    net = network("cnn6", ADDITIVE["fourier"])
    with pytest.raises(ValueError, match=f"count must be between 1 and 5, got {count}"):
        LinearReadout(net, ADDITIVE["fourier"], (3, *SIZE)).candidates(noise(), count)


def test_length_norm_of_a_sum_of_images() -> None:
    """The scale from inner products is the root mean square of the sum itself."""
    from convff.inference.shared_first_block import NORMS_OF_SUMS

    bases, summands = torch.rand(3, 2, 4, 4), torch.rand(5, 2, 4, 4)
    _, of_bases = NORMS_OF_SUMS[LengthNorm](LengthNorm(), summands)
    _, scale = of_bases(bases)
    assert scale is not None
    for image in range(3):
        for label in range(5):
            rms = (bases[image] + summands[label]).square().mean().sqrt()
            assert scale[image, label].item() == pytest.approx(1 / rms.item(), rel=1e-5)
