"""No hidden backpropagation, one batch for right and wrong labels, and nothing left to chance."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from convff import (
    RULES,
    STABILISERS,
    AtBlocks,
    AtGains,
    AtStream,
    ForwardForward,
    ImageData,
    LayerLocalNet,
    RandomNegatives,
    Schedule,
    Softmax,
    Stabilised,
    Trainer,
    cnn3,
)
from convff.data import as_floats, epoch_batches
from convff.labelling import label_passes
from convff.models import MODELS
from convff.randomness import keyed_generator
from convff.schedule import usual_optimizer
from labels import FourierLabels, StreamLabels
from tests.convff.samples import ON_ANY_NETWORK

SIZE = (12, 12)
LABELS = FourierLabels(4, SIZE)
STABILISED = {
    f"{rule} + {piece}": partial(Stabilised, rule=RULES[rule](), stabilisers=(STABILISERS[piece](),))
    for rule in ("ff", "hebbff")
    for piece in STABILISERS
}
PLACES = {
    f"ff, {place.__name__}": partial(ForwardForward, gate=Softmax(), label_at=place(num_classes=4))
    for place in (AtBlocks, AtStream, AtGains)
}
LOCAL_HEAD = {"local_head": partial(RULES["local_head"], num_classes=4)}
MADE = ON_ANY_NETWORK | STABILISED | PLACES | LOCAL_HEAD
LOCAL_RULES = [name for name in MADE if name not in ("bp", "ghl")]
SMALL = {
    "cnn3": {"width": 6, "kernel": 3},
    "cnn6": {"widths": (4, 4, 6, 6), "pool_after": (1,)},
    "mlp": {"widths": (9, 8)},
    "resnet": {"widths": (4, 6)},
}


def data(count: int = 32) -> ImageData:
    images = torch.randint(256, (count, 3, *SIZE), generator=keyed_generator(1, "images")).byte()
    return ImageData(images, torch.arange(count) % 4, ("a", "b", "c", "d"), "noise")


def network(model: str = "cnn6", seed: int = 0) -> LayerLocalNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MODELS[model]((3, *SIZE), **SMALL[model])


def train(net: LayerLocalNet, rule: str, *, epochs: int = 1, seed: int = 0) -> LayerLocalNet:
    labels = StreamLabels(LABELS) if rule == "ff, AtStream" else LABELS
    made = MADE[rule]()
    schedule = Schedule(epochs=epochs, batch_size=8, optimizer=usual_optimizer(made))
    trainer = Trainer(net, labels, made, schedule=schedule, seed=seed)
    for _ in trainer.fit(data()):
        pass
    return net


def same(one: LayerLocalNet, other: LayerLocalNet) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.filterwarnings("ignore::convff.TrainingWarning")  # noise for weights is not a sane start
@pytest.mark.parametrize("rule", LOCAL_RULES)
@pytest.mark.parametrize("model", SMALL)
def test_a_block_learns_the_same_whatever_is_above_it(rule: str, model: str) -> None:
    plain, disturbed = network(model), network(model)
    with torch.no_grad():
        for block in list(disturbed)[1:]:
            for parameter in block.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=keyed_generator(3, "noise")))
    train(plain, rule)
    train(disturbed, rule)
    untouched = network(model)
    for name, learnt in plain.blocks[0].state_dict().items():
        assert torch.equal(learnt, disturbed.blocks[0].state_dict()[name])
    assert not torch.equal(plain.blocks[0].layer.weight, untouched.blocks[0].layer.weight)


@pytest.mark.parametrize("rule", ["bp", "ghl"])
def test_a_rule_with_a_gradient_is_not_local(rule: str) -> None:
    """The test above can fail: it does so for backpropagation and the sign of its gradient."""
    plain, disturbed = network(), network()
    with torch.no_grad():
        disturbed.blocks[2].layer.weight.mul_(-1)
    train(plain, rule)
    train(disturbed, rule)
    assert not torch.equal(plain.blocks[0].layer.weight, disturbed.blocks[0].layer.weight)


@pytest.mark.parametrize("rule", LOCAL_RULES)
def test_no_activation_carries_a_graph(rule: str) -> None:
    seen: list[Tensor] = []
    net = network()
    for block in net:
        block.layer.register_forward_hook(lambda _module, inputs, output: seen.extend([*inputs, output]))
    train(net, rule)
    assert len(seen) > 0
    assert all(tensor.grad_fn is None and not tensor.requires_grad for tensor in seen)


def test_gradients_of_a_block_never_reach_the_one_below() -> None:
    net = network()
    last = net(torch.rand(4, 3, *SIZE))[-1]
    last.sum().backward()
    assert net.blocks[-1].layer.weight.grad is not None
    assert all(block.layer.weight.grad is None for block in list(net)[:-1])


@pytest.mark.parametrize("rule", ON_ANY_NETWORK)
def test_same_seed_same_weights(rule: str) -> None:
    first = train(network(), rule, epochs=2)
    torch.manual_seed(999)  # global state must not matter
    assert same(first, train(network(), rule, epochs=2))
    assert not same(first, train(network(), rule, epochs=2, seed=1))


def test_right_and_wrong_labels_share_one_batch_norm_batch() -> None:
    batches: list[Tensor] = []
    net = network()
    net.blocks[0].norm.register_forward_hook(lambda _module, inputs, _output: batches.append(inputs[0]))
    trainer = Trainer(net, LABELS, RULES["ff"](), schedule=Schedule(batch_size=8))
    trainer.epoch(data(8), 0)
    assert [tuple(batch.shape) for batch in batches] == [(16, 3, *SIZE)]
    (order,) = epoch_batches(8, 8, seed=0, epoch=0)
    images, right = as_floats(data(8).images[order]), data(8).classes[order]
    wrong = RandomNegatives()(right, 4, keyed_generator(0, "negatives", 0, 0))
    expected = label_passes(LABELS, images, torch.cat([right[:, None], wrong], dim=1))
    assert torch.equal(batches[0], expected)


def test_evaluation_uses_running_statistics() -> None:
    from convff import block_goodness

    net = train(network(), "ff")
    images = torch.rand(6, 3, *SIZE)
    net.train()
    together = block_goodness(net, images, LABELS)
    alone = torch.cat([block_goodness(net, image[None], LABELS) for image in images], dim=1)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)
    assert net.training


def test_an_epoch_visits_every_image_once_in_an_order_of_its_own() -> None:
    first = torch.cat(list(epoch_batches(100, 32, seed=0, epoch=0)))
    assert first.sort().values.tolist() == list(range(100))
    assert torch.equal(first, torch.cat(list(epoch_batches(100, 7, seed=0, epoch=0)))[: len(first)])
    assert not torch.equal(first, torch.cat(list(epoch_batches(100, 32, seed=0, epoch=1))))
    assert not torch.equal(first, torch.cat(list(epoch_batches(100, 32, seed=1, epoch=0))))


def plan(threads: int) -> list[list[int]]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return [
            [
                *batch.tolist(),
                *RandomNegatives(2)(batch % 4, 4, keyed_generator(0, "negatives", 0, step)).flatten().tolist(),
            ]
            for step, batch in enumerate(epoch_batches(1000, 32, seed=0, epoch=0))
        ]
    finally:
        torch.set_num_threads(before)


def test_the_data_plan_does_not_depend_on_workers() -> None:
    one = plan(1)
    torch.rand(17)  # nor on what else draws random numbers
    assert one == plan(2)


def test_shuffled_test_labels_score_at_chance() -> None:
    """Predictions come from the images alone: against shuffled classes they are worth nothing."""
    from convff.inference.goodness import block_goodness_of, predictions

    easy = easy_images(400)
    net = cnn3((1, 12, 12), width=8, kernel=3)
    labels = FourierLabels(4, SIZE)
    for _ in Trainer(net, labels, RULES["ff"](), schedule=Schedule(epochs=4, batch_size=20, lr=3e-3)).fit(easy):
        pass
    held_out = easy_images(400, seed=1)
    predicted = predictions(block_goodness_of(net, held_out, labels), [1, 2])
    assert (predicted == held_out.classes).float().mean() > 0.7
    shuffled = held_out.classes[torch.randperm(400, generator=keyed_generator(0, "shuffle"))]
    assert (predicted == shuffled).float().mean() < 0.25 + 5 * (0.25 * 0.75 / 400) ** 0.5


def easy_images(count: int, seed: int = 0) -> ImageData:
    """Four classes: a bright half of the image (left, right, top, bottom) in noise."""
    noise = torch.rand(count, 1, *SIZE, generator=keyed_generator(seed, "easy")) * 0.5
    classes = torch.arange(count) % 4
    halves = torch.zeros(4, *SIZE)
    halves[0, :, :6] = halves[1, :, 6:] = halves[2, :6] = halves[3, 6:] = 0.5
    return ImageData(((noise + halves[classes][:, None]) * 255).byte(), classes, ("l", "r", "t", "b"), "halves")


def test_label_free_layers_keep_normal_module_behaviour() -> None:
    net = network()
    assert net.eval().training is False
    assert sum(p.numel() for p in net.parameters()) == sum(p.numel() for block in net for p in block.layer.parameters())
    assert isinstance(net.to(torch.float64).blocks[0].layer.weight, nn.Parameter)
    again = network(seed=5)
    again.load_state_dict(network().state_dict())
    assert same(again, network())
