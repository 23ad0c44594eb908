"""What all scores that are sums over positions keep to, dense or convolutional; slow computations are with each kind.

The rule's own scores are the reference: `convff` computes them without `cam`.
"""

import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget, ClassifierOutputTarget

from cam import BlockModel, GoodnessDifference, GradientCAM, LocalHeadModel
from labels import NoLabels
from tests.cam.helpers import CLASSES, KINDS, every_class, images, judged

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
NEVER_NEGATIVE = ("goodness", "groups", "stream")


class SignedHiResCAM(GradientCAM, pytorch_grad_cam.HiResCAM):
    """Grad-cam's own element-wise method, for its signed maps."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("net", "first"), [("cnn3", 1), ("cnn3", 2), ("cnn6", 0), ("cnn6", 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_maps_and_the_rest_sum_to_the_score(kind: str, net: str, first: int, dtype: torch.dtype) -> None:
    found = judged(kind, net, first=first, dtype=dtype)
    scores, explain = found.model(images(dtype)).detach(), found.explain()
    largest = scores.abs().amax(dim=1)
    assert (largest > 0).all()
    for k, targets in every_class():
        maps = explain.maps(images(dtype), targets)
        assert maps.bias is not None
        for summed in (maps.shares().sum(dim=1), maps.summed().sum(dim=(1, 2))):
            assert ((summed + maps.bias - scores[:, k]).abs() / largest).max() <= TOLERANCE[dtype]
        assert torch.equal(maps.scores, scores[:, k])
        assert maps.bias.any() == (kind == "local_heads")
        assert kind not in NEVER_NEGATIVE or all((layer >= 0).all() for layer in maps.layers)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("net", ["cnn6", "mlp"])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_rule(kind: str, net: str, reduction: str) -> None:
    x = images(torch.float64)
    for first in (0, 2):
        found = judged(kind, net, first=first, dtype=torch.float64, reduction=reduction)
        of_rule = found.by_block(x).sum(dim=0)
        assert of_rule.std(dim=1).min() > 0
        torch.testing.assert_close(found.model(x).detach(), of_rule, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("wanted", [(2,), (2, 0)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_the_layers_gives_their_part_of_the_score(kind: str, wanted: tuple[int, ...]) -> None:
    """In the order asked for: the rule's score of each block, but for the bias of its head."""
    found = judged(kind, dtype=torch.float64)
    x = images(torch.float64)
    expected = found.by_block(x)[list(wanted), :, 1].T.clone()
    if kind == "local_heads":
        expected -= torch.stack([found.model.heads[i].bias.detach()[1] for i in wanted])
    maps = found.cam(found.model, [found.model.layers[i] for i in wanted]).maps(x, [ClassifierOutputTarget(1)] * 3)
    torch.testing.assert_close(maps.shares(), expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("target", [GoodnessDifference(2, 0), ClassifierOutputSoftmaxTarget(1)])
@pytest.mark.parametrize("kind", KINDS)
def test_other_targets_mix_the_classes_by_their_gradient(kind: str, target: object) -> None:
    found = judged(kind, dtype=torch.float64)
    explain, x = found.explain(), images(torch.float64)
    jacobian = torch.stack([torch.autograd.functional.jacobian(target, row) for row in found.model(x).detach()])
    by_class = [explain.maps(x, targets) for _, targets in every_class()]
    mixed = explain.maps(x, [target] * 3)
    expected = sum(jacobian[:, k, None, None] * maps.summed() for k, maps in enumerate(by_class))
    torch.testing.assert_close(mixed.summed(), expected, rtol=1e-10, atol=1e-15)
    torch.testing.assert_close(
        mixed.bias, sum(jacobian[:, k] * maps.bias for k, maps in enumerate(by_class)), rtol=1e-10, atol=1e-15
    )
    if isinstance(target, GoodnessDifference):
        torch.testing.assert_close(mixed.shares().sum(dim=1) + mixed.bias, mixed.scores, rtol=1e-9, atol=1e-13)
        # Of untrained gains one class may have more everywhere.
        assert kind == "gains" or mixed.summed().min() < 0 < mixed.summed().max()


@pytest.mark.parametrize("kind", KINDS)
def test_each_image_is_explained_as_it_is_alone(kind: str) -> None:
    """With a target of its own, by the running statistics, whatever the mode of the model."""
    found = judged(kind, dtype=torch.float64)
    found.model.train()
    explain = found.explain()
    x, targets = images(torch.float64), [ClassifierOutputTarget(3), GoodnessDifference(1, 2), ClassifierOutputTarget(0)]
    together = explain.maps(x, targets)
    for b, target in enumerate(targets):
        alone = explain.maps(x[b : b + 1], [target])
        torch.testing.assert_close(alone.summed()[0], together.summed()[b], rtol=1e-10, atol=1e-15)
        torch.testing.assert_close(alone.scores[0], together.scores[b], rtol=1e-10, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_maps_are_of_the_weights_as_they_are(kind: str) -> None:
    """Of weights that change after the maps were set up, or between the scores and the shares: nothing is kept."""
    found, fresh = (judged(kind, dtype=torch.float64) for _ in range(2))
    explain, x, (k, targets) = found.explain(), images(torch.float64), every_class()[1]
    before = explain.maps(x, targets)
    for model in (found.model, fresh.model):
        with torch.no_grad():
            next(iter(model.net)).layer.weight.mul_(-1)
    layer, mixing = found.model.layers[1], torch.eye(CLASSES, dtype=torch.float64)[[k] * 3]
    rows = 3 * CLASSES if kind == "goodness" else 3
    a = torch.ones(rows, len(layer.layer.weight), *before.layers[1].shape[1:], dtype=torch.float64)
    expected = fresh.model.shares(fresh.model.layers[1], a, mixing)
    torch.testing.assert_close(found.model.shares(layer, a, mixing), expected, rtol=1e-12, atol=0)
    after = explain.maps(x, targets).summed()
    torch.testing.assert_close(after, fresh.explain().maps(x, targets).summed(), rtol=1e-12, atol=1e-15)
    assert (after - before.summed()).abs().max() > 1e-2 * after.abs().max()


@pytest.mark.parametrize("kind", ["stream", "local_heads"])
def test_maps_of_linear_scores_are_hirescam(kind: str) -> None:
    """The activity meets nothing but a weight, the label's activity or the head's, so gradient times activity is it."""
    found = judged(kind)
    model = found.model
    for _, targets in every_class():
        ours, theirs = (make(model, model.layers).maps(images(), targets) for make in (found.cam, SignedHiResCAM))
        for a, b in zip(ours.layers, theirs.layers, strict=True):
            assert (a - b).abs().max() <= 1e-6 * b.abs().max()


@pytest.mark.parametrize("kind", KINDS)
def test_dense_layers_have_shares_but_no_map(kind: str) -> None:
    found = judged(kind, "mlp", dtype=torch.float64)
    model, x = found.model, images(torch.float64)
    mixing = torch.rand(3, CLASSES, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 0.5
    with torch.no_grad():
        counted = model.net(model.inputs(x))[model.first :]
        shares = [model.shares(layer, a, mixing) for layer, a in zip(model.layers, counted, strict=True)]
    assert all(share.shape == (3,) for share in shares)
    expected = (mixing * found.by_block(x).sum(dim=0)).sum(dim=1)
    torch.testing.assert_close(sum(shares) + model.rest(mixing).detach(), expected, rtol=1e-10, atol=1e-13)
    with pytest.raises(ValueError, match="no positions"):
        found.explain()(x)


@pytest.mark.parametrize("kind", KINDS)
def test_at_least_one_block_must_count(kind: str) -> None:
    for first in (-1, 4):
        with pytest.raises(ValueError, match=rf"`first` must be in \[0, 4\), got {first}"):
            judged(kind, first=first)


def test_what_learnt_beside_the_blocks_must_be_there_for_each() -> None:
    for kind, make, name in (("blocks", BlockModel, "terms"), ("local_heads", LocalHeadModel, "heads")):
        found = judged(kind)
        beside = getattr(found.model, name)  # of the three that count
        with pytest.raises(ValueError, match=f"each of 4 blocks, got 3 {name}"):
            make(found.model.net, NoLabels(CLASSES), beside)


def test_a_model_moves_with_its_parts() -> None:
    """To float64 and back, as the figures of completeness do: the scores in between are of that precision."""
    for kind in KINDS:
        model = judged(kind).model
        before = model(images()).detach()
        double = model.to(torch.float64)(images(torch.float64)).detach()
        assert double.dtype == torch.float64
        torch.testing.assert_close(double.float(), before, rtol=1e-4, atol=1e-6)
        assert torch.equal(model.to(torch.float32)(images()).detach(), before)
