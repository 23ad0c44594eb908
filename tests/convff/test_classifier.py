"""A network of one's own as a classifier: saved, loaded, asked, explained, refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import convff
from convff import (
    AtBlocks,
    AtOutput,
    Block,
    Classifier,
    ForwardForward,
    ImageData,
    LayerLocalNet,
    LengthNorm,
    LinearReadout,
    LocalHead,
    RecurrentForwardForward,
    SoftmaxReadout,
    cnn3,
    recurrent_local,
    recurrent_mlp,
    usual_activity_of,
)
from labels import NoLabels, OneHotLabels

NAMES, SHAPE = ("cat", "dog", "eel"), (1, 8, 8)
OPTIONS = {"width": 6, "kernel": 3}


class Chain(LayerLocalNet):
    """A network that is in no table."""

    def __init__(self) -> None:
        super().__init__([Block(LengthNorm(), nn.Conv2d(1, 6, 3, padding=1)) for _ in range(1)])


def images(count: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, *SHAPE), generator=generator, dtype=torch.uint8)


def of(
    rule: Any, net: LayerLocalNet | None = None, readout: type[LinearReadout] | None = None, **more: Any
) -> Classifier:
    torch.manual_seed(0)
    labels = OneHotLabels(3) if rule.evaluations[0] == "goodness" else NoLabels(3)
    net = net or cnn3(SHAPE, **OPTIONS)
    modules: dict[str, nn.Module] = dict(convff.start(rule, convff.Setup(net=net, labels=labels)).modules)
    usual: Sequence[torch.Tensor] = ()
    if readout is not None:
        made = readout(net, labels, SHAPE, grid=2)
        nn.init.normal_(made.linear.weight)
        modules["readout" if readout is LinearReadout and not more.pop("joint", False) else "joint_readout"] = made
        data = ImageData(images(20), torch.zeros(20, dtype=torch.int64), NAMES, "noise")
        usual = usual_activity_of(made, data)
    known = {} if type(net).__name__ == "Chain" else {"model": "cnn3", "options": OPTIONS}
    return Classifier(
        net, labels, rule, class_names=NAMES, image_shape=SHAPE, modules=modules, usual=usual, **known, **more
    )


GROUPS = ForwardForward(label_at=AtOutput(3))


def test_names_are_those_of_the_highest_scores() -> None:
    model = of(GROUPS, readout=LinearReadout)
    for by in (None, "goodness", "readout", "groups", "linear"):
        best = model.scores(images(), by=by).argmax(dim=1).tolist()
        assert model.predict(images(), by=by) == [NAMES[k] for k in best]
    assert torch.equal(model.scores(images()), model.scores(images(), by="groups"))
    assert not torch.equal(model.scores(images(), by="linear"), model.scores(images(), by="groups"))
    assert model.scores(images(0)).shape == (0, 3)


def test_an_image_does_not_depend_on_those_beside_it() -> None:
    model = of(GROUPS)
    one_by_one = torch.cat([model.scores(image[None]) for image in images()])
    torch.testing.assert_close(one_by_one, model.scores(images()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [LinearReadout, SoftmaxReadout])
def test_a_joint_readout_is_saved(kind: type[LinearReadout], tmp_path: Path) -> None:
    model = of(GROUPS, readout=kind, joint=True) if kind is LinearReadout else of(GROUPS, readout=kind)
    model.save(tmp_path / "net.safetensors")
    again = convff.load(tmp_path / "net.safetensors")
    assert again.ways == ("groups", kind.evaluation)
    assert torch.equal(again.scores(images(), by="readout"), model.scores(images(), by="readout"))


def test_a_network_of_ones_own_has_to_be_given(tmp_path: Path) -> None:
    model, path = of(GROUPS, Chain()), tmp_path / "mine.safetensors"
    model.save(path)
    with pytest.raises(ValueError, match=r"mine\.safetensors holds Chain, a network of your own: .* `net=`"):
        convff.load(path)
    again = convff.load(path, net=Chain())
    assert torch.equal(again.scores(images()), model.scores(images()))
    with pytest.raises(ValueError, match="does not fit the network that was given"):
        convff.load(path, net=cnn3(SHAPE, **OPTIONS))
    again.save(path)
    assert convff.load(path, net=Chain()).predict(images()) == model.predict(images())


class MyLabels(OneHotLabels):
    def spec(self) -> dict[str, Any]:
        return {"family": "mine"}


class MyRule(ForwardForward):
    pass


def test_labels_and_rules_of_ones_own_have_to_be_given(tmp_path: Path) -> None:
    path, net, rule = tmp_path / "net.safetensors", cnn3(SHAPE, **OPTIONS), MyRule()
    about: dict[str, Any] = {"class_names": NAMES, "image_shape": SHAPE, "model": "cnn3", "options": OPTIONS}
    model = Classifier(net, MyLabels(3), rule, **about)
    model.save(path)
    with pytest.raises(ValueError, match=r"MyRule is not a part of this package.* pass it as `rule=`"):
        convff.load(path)
    with pytest.raises(ValueError, match=r"labels of family 'mine' .* pass `labels=`"):
        convff.load(path, rule=rule)
    assert convff.load(path, rule=rule, labels=MyLabels(3)).predict(images()) == model.predict(images())


def test_maps_sum_to_the_scores() -> None:
    model = of(GROUPS, readout=LinearReadout)
    for by in model.ways:
        scores = model.scores(images(), by=by)
        maps = model.maps(images(), by=by)
        torch.testing.assert_close(maps.scores, scores.amax(dim=1), rtol=1e-4, atol=1e-4)
        rest = 0 if maps.bias is None else maps.bias
        torch.testing.assert_close(maps.shares().sum(dim=1) + rest, maps.scores, rtol=1e-3, atol=1e-3)
        assert maps.summed().shape == (5, 8, 8)
        lead = model.maps(images(), "dog", against=[0, 2, 0, 2, 0], by=by)
        others = scores.gather(1, torch.tensor([0, 2, 0, 2, 0])[:, None])[:, 0]
        torch.testing.assert_close(lead.scores, scores[:, 1] - others, rtol=1e-3, atol=1e-3)


def test_a_map_of_the_readout_is_counted_from_the_usual_activity() -> None:
    model = of(GROUPS, readout=LinearReadout)
    centred = model.maps(images(), "dog", by="linear")
    model.usual = []
    plain = model.maps(images(), "dog", by="linear")
    assert not torch.allclose(centred.summed(), plain.summed())
    torch.testing.assert_close(centred.scores, plain.scores)


@pytest.mark.parametrize(
    "rule", [ForwardForward(), ForwardForward(label_at=AtBlocks(num_classes=3)), LocalHead(num_classes=3)]
)
def test_every_kind_of_rule_is_mapped(rule: Any) -> None:
    model = of(rule)
    torch.testing.assert_close(model.maps(images()).scores, model.scores(images()).amax(dim=1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("reduction", ["sum", "minus_mean", "activity"])
@pytest.mark.parametrize("first_block", [0, 1])
def test_maps_of_a_network_that_settles_sum_to_its_scores(reduction: str, first_block: int) -> None:
    rule = RecurrentForwardForward(reduction=reduction, iterations=5, counted=(2, 4), updates="alternating")
    model = of(rule, recurrent_local(SHAPE, classes=3, units=2, field=3, tile=4), first_block=first_block)
    scores = model.scores(images())
    maps = model.maps(images())
    assert len(maps.layers) == 2 - first_block
    torch.testing.assert_close(maps.scores, scores.amax(dim=1), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(maps.shares().sum(dim=1) + maps.bias, maps.scores, rtol=1e-4, atol=1e-5)
    lead = model.maps(images(), "dog", against="eel")
    torch.testing.assert_close(lead.summed().sum(dim=(1, 2)), scores[:, 1] - scores[:, 2], rtol=1e-3, atol=1e-5)


def test_dense_layers_that_settle_are_mapped_on_the_pixels() -> None:
    model = of(RecurrentForwardForward(), recurrent_mlp(SHAPE, classes=3, widths=(6, 5)), readout=LinearReadout)
    lead = model.maps(images(), "dog", against="eel")
    scores = model.scores(images())
    torch.testing.assert_close(lead.scores, scores[:, 1] - scores[:, 2], rtol=1e-3, atol=1e-5)
    assert lead.bias is None  # they are no shares
    assert lead.summed().abs().amax() > 1e-4
    torch.testing.assert_close(lead.summed().sum(dim=(1, 2)), torch.zeros(5), rtol=0, atol=1e-4)
    with pytest.raises(ValueError, match="have no positions"):
        model.maps(images(), by="readout")


@pytest.mark.parametrize(
    "of_class",
    [
        torch.tensor([1] * 5),
        np.array(["dog"] * 5),
        np.int64(1),
        torch.tensor(1),
        [np.int64(1), torch.tensor(1)] * 2 + ["dog"],
    ],
)
def test_classes_may_be_arrays_and_tensors(of_class: Any) -> None:
    model = of(GROUPS)
    assert torch.equal(model.maps(images(), of_class).summed(), model.maps(images(), "dog").summed())
    best = model.scores(images()).argmax(dim=1)
    assert torch.equal(model.maps(images(), best).summed(), model.maps(images()).summed())


def test_pictures_may_come_from_an_iterator(tmp_path: Path) -> None:
    for name, image in zip("abc", images(), strict=False):
        Image.fromarray(image[0].numpy()).save(tmp_path / f"{name}.png")
    model, paths = of(GROUPS), sorted(tmp_path.glob("*.png"))
    assert model.predict(iter(paths)) == model.predict(paths) == model.predict(images()[:3])
    assert model.predict(tmp_path.glob("*.jpg")) == []
    with pytest.raises(TypeError, match="tensors, arrays, files or Pillow images, got object"):
        model.predict(object())


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda model: model.maps([]), "at least one image"),
        (lambda model: model.maps(images(), torch.tensor([7] * 5)), "the classes are cat, dog, eel; got 7"),
        (lambda model: model.predict(images(), by="head"), "no scores by 'head': `by` must be groups or goodness"),
        (lambda model: model.predict(images(), by="readout"), "no scores by 'readout'"),
        (lambda model: model.maps(images(), "cow"), "the classes are cat, dog, eel; got 'cow'"),
        (lambda model: model.maps(images(), ["cat"]), "one for each of 5 images, got 1"),
    ],
)
def test_what_there_is_not_is_refused(act: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act(of(GROUPS))


def test_every_class_needs_a_name() -> None:
    with pytest.raises(ValueError, match="a name for each of 3 classes, got 2"):
        Classifier(cnn3(SHAPE, **OPTIONS), NoLabels(3), GROUPS, class_names=("a", "b"), image_shape=SHAPE)


def test_candidates_need_the_readout() -> None:
    model = of(ForwardForward(), readout=LinearReadout, candidates=2)
    assert (model.scores(images()).isinf().sum(dim=1) == 1).all()
    without = of(ForwardForward(), candidates=2)
    assert without.scores(images()).isfinite().all()


def test_a_hostile_file_cannot_ask_for_memory(tmp_path: Path) -> None:
    path, model = tmp_path / "net.safetensors", of(LocalHead(num_classes=3))
    checkpoint = model.checkpoint()
    checkpoint.notes["classifier"]["rule"]["regions"] = 10_000
    convff.save_checkpoint(path, checkpoint)
    with pytest.raises(ValueError, match="a tensor must have at most"):
        convff.load(path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("class_names", ["cat"], "a name for each"), ("image_shape", [1, 8], "net.safetensors"), ("labels", 3, "labels")],
)
def test_a_file_that_contradicts_itself_is_refused(field: str, value: object, message: str, tmp_path: Path) -> None:
    path, checkpoint = tmp_path / "net.safetensors", of(GROUPS).checkpoint()
    checkpoint.notes[field] = value
    convff.save_checkpoint(path, checkpoint)
    with pytest.raises(ValueError, match=message):
        convff.load(path)


@pytest.mark.parametrize("field", ["class_names", "image_shape", "labels"])
def test_what_a_file_lacks_is_named(field: str, tmp_path: Path) -> None:
    path, checkpoint = tmp_path / "net.safetensors", of(GROUPS).checkpoint()
    del checkpoint.notes[field]
    convff.save_checkpoint(path, checkpoint)
    with pytest.raises(ValueError, match=rf"net\.safetensors lacks '{field}'"):
        convff.load(path)


@pytest.mark.parametrize("device", ["cuda:99", "warp"])
def test_a_device_that_is_not_here_is_no_fault_of_the_file(device: str, tmp_path: Path) -> None:
    of(GROUPS).save(tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=f"device '{device}' cannot be used here") as raised:
        convff.load(tmp_path / "net.safetensors", device=device)
    assert "net.safetensors" not in str(raised.value)


def test_a_folder_without_a_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint .*checkpoint\.safetensors"):
        convff.load(tmp_path)
