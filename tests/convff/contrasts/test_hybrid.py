"""The contrast of images and hybrids: what its passes are, and that no class has any effect."""

import pytest
import torch
from torch import Tensor

from convff import (
    CONTRASTS,
    AtNowhere,
    Batch,
    ForwardForward,
    HebbianForwardForward,
    HybridContrast,
    ImageData,
    LabelContrast,
    LayerLocalNet,
    Layout,
    Schedule,
    Symmetric,
    Threshold,
    Trainer,
    cnn3,
    cnn6,
    contrast_of,
    keyed_generator,
    local_fields,
    mlp,
)
from convff.hybrids import draw_masks, draw_partners
from labels import FourierLabels, NoLabels
from tests.convff.samples import SIZE, noise

CLASSES = 5
NETS = {
    "mlp": lambda: mlp((1, *SIZE), widths=(12, 10)),
    "local_fields": lambda: local_fields((1, *SIZE), widths=(6, 4), field=4, stride=2),
    "cnn3": lambda: cnn3((1, *SIZE), width=6, kernel=3),
    "cnn6": lambda: cnn6((1, *SIZE), widths=(4, 6), pool_after=(1,)),
}
RULES = {
    "ff": ForwardForward(gate=Symmetric(scale=0.1), reduction="sum", label_at=AtNowhere()),
    "ff, softmax gate": ForwardForward(label_at=AtNowhere()),
    "hebbff": HebbianForwardForward(label_at=AtNowhere()),
}


def batch(count: int = 7) -> Batch:
    images = torch.rand(count, 3, *SIZE, generator=keyed_generator(0, "images"))
    return Batch(images, torch.arange(count) % CLASSES)


def test_pass_0_is_the_image_and_pass_1_its_hybrid_with_another() -> None:
    given = batch()
    inputs, layout = HybridContrast(NoLabels(CLASSES), blurs=2)(given, keyed_generator(0, "draws"))
    assert torch.equal(layout.targets, given.targets)
    assert (layout.labels, layout.passes, layout.stream, layout.rows) == (None, 2, 0, len(inputs))
    images, mixed = layout.by_image(inputs).unbind(1)
    assert torch.equal(images, given.inputs)
    draws = keyed_generator(0, "draws")
    partners = draw_partners(7, draws)
    masks = draw_masks(7, SIZE, draws, blurs=2)
    assert not (partners == torch.arange(7)).any()
    assert torch.equal(mixed, torch.where(masks, given.inputs, given.inputs[partners]))
    of_image, of_other = (mixed == given.inputs), (mixed == given.inputs[partners])
    assert (of_image | of_other).all()
    assert not of_image.all()
    assert not of_other.all()


@pytest.mark.parametrize("rows", [slice(0, 2), slice(2, None), slice(3, 4)], ids=str)
def test_it_draws_for_the_whole_batch_whatever_rows_are_asked_for(rows: slice) -> None:
    contrast, given = HybridContrast(NoLabels(CLASSES)), batch()
    draws, draws_of_part = (keyed_generator(0, "draws") for _ in range(2))
    whole, part = contrast(given, draws), contrast(given, draws_of_part, rows=rows)
    assert torch.equal(draws.get_state(), draws_of_part.get_state())
    assert torch.equal(part.layout.targets, given.targets[rows])
    assert torch.equal(part.inputs, whole.inputs.unflatten(0, (7, 2))[rows].flatten(0, 1))


def test_labels_that_images_could_carry_are_the_neutral_ones() -> None:
    labels, given = FourierLabels(CLASSES, SIZE), batch()
    inputs, layout = HybridContrast(labels)(given, keyed_generator(0, "draws"))
    assert torch.equal(layout.by_image(inputs)[:, 0], labels.neutral(given.inputs))
    assert CONTRASTS["hybrid"](labels).labels is None


def trained(rule: ForwardForward, net: LayerLocalNet, data: ImageData) -> list[Tensor]:
    schedule = Schedule(epochs=2, batch_size=4, lr=0.01)
    list(Trainer(net, NoLabels(CLASSES), rule, schedule=schedule).fit(data))
    return [parameter.detach().clone() for parameter in net.parameters()]


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("rule", RULES)
def test_no_class_has_any_effect_on_a_training(name: str, rule: str) -> None:
    data = noise(channels=1)
    shuffled = ImageData(data.images, data.classes.roll(1) * 0 + 3, data.class_names, data.name)
    found = []
    for images in (data, shuffled):
        torch.manual_seed(0)
        net = NETS[name]()
        at_start = [parameter.detach().clone() for parameter in net.parameters()]
        found.append(trained(RULES[rule], net, images))
        assert not any(torch.equal(a, b) for a, b in zip(at_start, found[-1], strict=True))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_layers_learn_to_tell_images_from_hybrids() -> None:
    bars = torch.zeros(200, 1, 12, 12, dtype=torch.uint8)
    for image in range(200):  # a bar of 3 pixels from one side to the other, upright or lying
        place = image % 10
        (bars[image, 0] if image % 20 < 10 else bars[image, 0].T)[place : place + 3] = 255
    data = ImageData(bars, torch.zeros(200, dtype=torch.int64), tuple("abcde"), "bars")
    torch.manual_seed(0)
    net = mlp((1, 12, 12), widths=(60, 60))
    rule = ForwardForward(gate=Threshold(), reduction="sum", label_at=AtNowhere())
    schedule = Schedule(epochs=12, batch_size=20, lr=4e-3)
    contrast = HybridContrast(NoLabels(CLASSES), blurs=6)
    records = list(Trainer(net, NoLabels(CLASSES), rule, schedule=schedule, contrast=contrast).fit(data))
    first, last = (record.metrics["discrimination"] for record in (records[0], records[-1]))
    assert all(after > max(0.75, before + 0.1) for before, after in zip(first, last, strict=True))


def test_a_place_without_labels_asks_for_passes_without_labels() -> None:
    place, rule = AtNowhere(), ForwardForward(label_at=AtNowhere())
    assert type(contrast_of(rule, NoLabels(CLASSES))) is HybridContrast
    assert rule.evaluations == ("linear",)
    goodness, classes = torch.tensor([1.0, 2.0]), torch.zeros(1, dtype=torch.int64)
    assert place.right_first(goodness, Layout(classes, passes=2)).tolist() == [[1.0, 2.0]]
    for layout in (Layout(classes), Layout(classes, passes=1, stream=1), Layout(classes, classes[:, None], passes=2)):
        with pytest.raises(ValueError, match="use the contrast HybridContrast"):
            place.right_first(goodness, layout)
    with pytest.raises(ValueError, match="no class has a goodness"):
        place.scores(None, sum, "sum")  # type: ignore[arg-type]
    given = {"labels": FourierLabels(CLASSES, SIZE), "schedule": Schedule(batch_size=4)}
    with pytest.raises(ValueError, match="and labels in passes"):
        list(
            Trainer(NETS["cnn3"](), rule=rule, contrast=LabelContrast(given["labels"]), **given).fit(noise(channels=1))
        )


def test_what_makes_no_hybrid_is_refused() -> None:
    with pytest.raises(ValueError, match="blurs must be at least 1, got 0"):
        HybridContrast(NoLabels(CLASSES), blurs=0)
    with pytest.raises(ValueError, match="at least 2, got 1"):
        HybridContrast(NoLabels(CLASSES))(batch(1), keyed_generator(0, "draws"))
