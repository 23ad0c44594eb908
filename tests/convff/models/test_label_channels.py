"""The label at every layer: what each block sees, and that training, inference and checkpoints know of it."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from convff import (
    RULES,
    Batch,
    Checkpoint,
    ImageData,
    LabelContrast,
    LayerLocalNet,
    LinearReadout,
    Schedule,
    Trainer,
    block_goodness,
    cnn3,
    cnn6,
    load_checkpoint,
    mlp,
    save_checkpoint,
)
from convff.randomness import keyed_generator
from labels import ChannelLabels, LayerwiseLabels

LABELS = LayerwiseLabels(4, (8, 8))
SHAPE = (7, 8, 8)  # three colors and four label planes
OPTIONS = {
    "cnn3": {"width": 5, "kernel": 3, "stride": 2, "label_channels": 4},
    "cnn6": {"widths": (5, 6, 7), "pool_after": (1,), "label_channels": 4},
    "mlp": {"widths": (9, 8), "label_channels": 4},
}
MODELS = {"cnn3": cnn3, "cnn6": cnn6, "mlp": mlp}


def network(model: str) -> LayerLocalNet:
    torch.manual_seed(0)
    return MODELS[model](SHAPE, **OPTIONS[model])


def noise(count: int = 12) -> ImageData:
    images = torch.randint(256, (count, 3, 8, 8), generator=keyed_generator(0, "images")).byte()
    return ImageData(images, torch.arange(count) % 4, tuple("abcd"), "noise")


def by_hand(net: LayerLocalNet, images: Tensor, classes: Tensor) -> list[Tensor]:
    """Activity block by block, the one-hot label put beside each input again."""
    code = F.one_hot(classes, 4).float()
    dense = images.ndim == 4 and not hasattr(next(iter(net)).layer, "kernel_size")
    x = images.flatten(1) if dense else images
    activities = []
    for block in net:
        planes = code if dense else code[:, :, None, None].expand(-1, -1, *x.shape[2:])
        a = block(torch.cat([x, planes], dim=1))
        activities.append(a)
        x = block.pool(a)
    return activities


@pytest.mark.parametrize("model", OPTIONS)
def test_every_block_sees_its_input_and_the_label(model: str) -> None:
    net, images, classes = network(model).eval(), noise().images / 255.0, torch.arange(12) % 4
    expected = by_hand(net, images, classes)
    for ours, theirs in zip(net(LABELS(images, classes)), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", OPTIONS)
@pytest.mark.parametrize("rule", ["ff", "hebbff", "bp"])
def test_it_trains_reads_and_infers(model: str, rule: str) -> None:
    net, data = network(model), noise()
    before = [parameter.clone() for parameter in net.parameters()]
    readout = LinearReadout(net, LABELS, (3, 8, 8))
    list(Trainer(net, LABELS, RULES[rule](), schedule=Schedule(batch_size=4), readout=readout).fit(data))
    assert any(not torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
    scores = block_goodness(net, data.images / 255.0, LABELS)
    assert scores.shape == (len(net), 12, 4)
    assert readout(data.images / 255.0).shape == (12, 4)


@pytest.mark.parametrize("model", OPTIONS)
def test_a_step_computes_what_a_walk_does(model: str) -> None:
    """The trainer goes through the blocks by itself: its goodness must be that of `walk`."""
    net, data = network(model).eval(), noise(6)

    class Watching(RULES["ff"]):
        def goodness(self, a: Tensor) -> Tensor:
            seen.append(a.clone())
            return super().goodness(a)

    seen: list[Tensor] = []
    wrong = (data.classes + 1) % 4
    contrast = LabelContrast(LABELS, lambda classes, num_classes, generator: wrong[:, None])
    trainer = Trainer(net, LABELS, Watching(), contrast=contrast)
    images = data.images / 255.0
    passes = LABELS(images, torch.stack([data.classes, wrong], dim=1)).flatten(0, 1)
    expected = [a.clone() for a in net(passes)]
    trainer.step(Batch(images, data.classes), torch.Generator())
    for ours, theirs in zip(seen, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", OPTIONS)
def test_a_checkpoint_knows_of_it(model: str, tmp_path: Path) -> None:
    net, images = network(model), noise().images / 255.0
    save_checkpoint(tmp_path / "net.safetensors", Checkpoint(model, SHAPE, OPTIONS[model], net))
    loaded = load_checkpoint(tmp_path / "net.safetensors").net
    assert loaded.label_channels == 4
    assert torch.equal(block_goodness(net, images, LABELS), block_goodness(loaded, images, LABELS))


def test_label_channels_alone_stay_with_the_first_block() -> None:
    assert not hasattr(ChannelLabels(4, (8, 8)), "repeated_channels")
    with pytest.raises(ValueError, match="label_channels >= 0, got -1"):
        LayerLocalNet([next(iter(network("cnn3")))], label_channels=-1)
