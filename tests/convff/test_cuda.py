"""What must be the same on a GPU as on the CPU."""

import pytest
import torch

from convff import ImageData, LayerLocalNet, Schedule, Trainer, cnn6
from convff.randomness import keyed_generator
from convff.rules import RULES
from labels import (
    LABELS,
    ChannelLabels,
    EchoLabels,
    FourierLabels,
    LayerwiseLabels,
    LearnedLabels,
    MorphLabels,
    OneHotLabels,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
SIZE = (16, 16)
FAMILIES = {  # made anew for each training, because some learn
    "onehot": lambda: OneHotLabels(4),
    "fourier": lambda: FourierLabels(4, SIZE),
    "morph": lambda: MorphLabels(4),
    "channel": lambda: ChannelLabels(4, SIZE),
    "echo": lambda: EchoLabels(4),
    "learned": lambda: LearnedLabels(4, SIZE),
    "layerwise": lambda: LayerwiseLabels(4, SIZE),
}


def data() -> ImageData:
    images = torch.randint(256, (64, 3, *SIZE), generator=keyed_generator(0, "images")).byte()
    return ImageData(images, torch.arange(64) % 4, tuple("abcd"), "noise")


def trained(device: str, rule: str, family: str, precision: str = "float32") -> LayerLocalNet:
    labels = FAMILIES[family]()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        repeated = getattr(labels, "repeated_channels", 0)
        net = cnn6((labels.channels(3), *SIZE), widths=(8, 8, 8), pool_after=(1,), label_channels=repeated).to(device)
    schedule = Schedule(epochs=1, batch_size=16)
    for _ in Trainer(net, labels, RULES[rule](), schedule=schedule, precision=precision).fit(data().to(device)):
        pass
    return net


CASES = [(rule, family) for rule in ("ff", "hebbff", "bp") for family in LABELS if (rule, family) != ("bp", "learned")]


@pytest.mark.parametrize(("rule", "family"), CASES)
def test_a_training_ends_where_it_does_on_the_cpu(rule: str, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    pairs = zip(trained("cpu", rule, family).parameters(), trained("cuda", rule, family).parameters(), strict=True)
    for cpu, gpu in pairs:
        torch.testing.assert_close(gpu.cpu(), cpu, rtol=1e-2, atol=1e-3)


def test_bfloat16_keeps_float32_weights() -> None:
    net = trained("cuda", "ff", "fourier", "bfloat16")
    assert all(parameter.dtype == torch.float32 and parameter.isfinite().all() for parameter in net.parameters())
