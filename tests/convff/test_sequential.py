"""A plain chain becomes blocks: the same weights, and the same maps where no norm is added."""

import copy

import pytest
import torch
from torch import nn

from convff import (
    AtOutput,
    Block,
    Classifier,
    ForwardForward,
    ImageData,
    LayerLocalNet,
    LengthNorm,
    Trainer,
    from_sequential,
    keyed_generator,
    load,
)
from convff.norms import FlatNorm
from labels import NoLabels


def filled(chain: nn.Sequential) -> nn.Sequential:
    """The chain in float64 with weights and running statistics at random."""
    generator = keyed_generator(0, "chain")
    chain = chain.double()
    with torch.no_grad():
        for tensor in chain.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator, dtype=torch.float64) - 0.3)
        for module in chain.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_var.abs_().add_(0.1)
    return chain


def images(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 2, 8, 8, generator=keyed_generator(1, "images"), dtype=torch.float64)


def outputs_behind_relu(chain: nn.Sequential, x: torch.Tensor) -> list[torch.Tensor]:
    """What the ReLUs of a chain in evaluation mode put out, one module after another."""
    found = []
    for module in chain.eval():
        x = module(x)
        if isinstance(module, nn.ReLU):
            found.append(x)
    return found


def plain() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Dropout(0.0),
        nn.Conv2d(4, 6, 3, padding="same", dilation=2, groups=2),
        nn.ReLU(inplace=True),
        nn.Identity(),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.BatchNorm1d(6, affine=False),
        nn.Linear(6, 5),
        nn.BatchNorm1d(5),
        nn.ReLU(),
        nn.Linear(5, 4),
        nn.ReLU(),
    )


def test_without_norms_the_blocks_compute_what_the_chain_computes() -> None:
    chain = filled(plain()).eval()
    activities = from_sequential(chain, norm="none")(images())
    for a, expected in zip(activities, outputs_behind_relu(chain, images()), strict=True):
        torch.testing.assert_close(a, expected, rtol=1e-12, atol=1e-12)
        assert (a > 0).any()


def test_a_large_pool_before_the_relu_is_one_behind_it() -> None:
    chain = filled(nn.Sequential(nn.Conv2d(2, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(4, 3, 2), nn.ReLU()))
    net = from_sequential(chain, norm="none")
    torch.testing.assert_close(net(images())[-1], chain(images()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("norm", "kind"), [("length", LengthNorm), ("batch", nn.BatchNorm2d), ("none", nn.Identity)])
def test_weights_are_kept_and_the_chain_is_left_alone(norm: str, kind: type[nn.Module]) -> None:
    chain = filled(plain())
    before = copy.deepcopy(chain.state_dict())
    net = from_sequential(chain, norm=norm)
    assert [type(block.norm) for block in net][:2] == [kind, kind]
    for place, layer in ((1, 5), (3, 15)):  # without batch norm behind them
        assert torch.equal(net.blocks[place].layer.weight, chain[layer].weight)
        assert torch.equal(net.blocks[place].layer.bias, chain[layer].bias)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in chain.state_dict().items())


@torch.no_grad()
def test_each_layer_sees_a_normalised_input() -> None:
    chain = filled(nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5), nn.ReLU()))
    x, found = images(), from_sequential(chain)(images())
    for position, module in enumerate((chain[0], chain[3])):
        flat = x.flatten(1)
        scaled = (flat / flat.square().mean(dim=1, keepdim=True).sqrt()).view_as(x)
        expected = torch.relu(module(scaled if position == 0 else scaled.flatten(1)))
        torch.testing.assert_close(found[position], expected, rtol=1e-6, atol=1e-9)
        x = found[position]


def test_batch_norm_in_front_is_the_norm_of_the_block() -> None:
    chain = nn.Sequential(nn.BatchNorm2d(2, momentum=0.3), nn.Conv2d(2, 4, 3), nn.ReLU())
    chain[0].running_mean.fill_(2.0)
    norm = from_sequential(chain).blocks[0].norm
    assert isinstance(norm, nn.BatchNorm2d)
    assert (norm.affine, norm.momentum, norm.running_mean.tolist()) == (False, 0.3, [2.0, 2.0])
    assert not list(norm.parameters())
    assert chain[0].affine


def test_chains_in_the_chain_and_a_relu_used_twice() -> None:
    relu = nn.ReLU()
    parts = nn.Sequential(nn.Sequential(nn.Conv2d(2, 4, 3), relu), nn.Flatten(), nn.Sequential(nn.Linear(144, 3), relu))
    assert [type(block.layer) for block in from_sequential(parts)] == [nn.Conv2d, nn.Linear]
    with pytest.raises(TypeError, match=r"^module 0\.1 \(GELU\) must be a layer, norm"):
        from_sequential(nn.Sequential(nn.Sequential(nn.Conv2d(2, 4, 3), nn.GELU()), nn.Linear(3, 2), nn.ReLU()))


def test_a_head_is_dropped_when_asked() -> None:
    chain = nn.Sequential(nn.Flatten(), nn.Linear(128, 6), nn.ReLU(), nn.Linear(6, 3), nn.LogSoftmax(dim=1)).double()
    with pytest.raises(ValueError, match=r"module 3 \(Linear\) has no ReLU: .* pass drop_head=True"):
        from_sequential(chain)
    net = from_sequential(chain, drop_head=True)
    assert len(net) == 1
    assert isinstance(net.blocks[0].norm, FlatNorm)
    with pytest.raises(ValueError, match=r"drop_head: module 1 \(Linear\) has a ReLU"):
        from_sequential(chain[:3], drop_head=True)


CONV, DENSE = nn.Conv2d(2, 2, 3), nn.Linear(4, 4)
LEARNED = nn.BatchNorm2d(2)
nn.init.constant_(LEARNED.weight, 2.0)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([CONV, nn.Tanh(), DENSE, nn.ReLU()], r"module 1 \(Tanh\) must be a layer, norm"),
        ([CONV, DENSE, nn.ReLU()], r"module 0 \(Conv2d\) has no ReLU: a block is"),
        ([CONV, nn.ReLU(), DENSE, nn.ReLU()], r"module 2 \(Linear\) needs nn.Flatten in front"),
        ([nn.Flatten(), CONV, nn.ReLU()], r"module 1 \(Conv2d\) needs maps"),
        ([DENSE, nn.ReLU(), CONV, nn.ReLU()], r"module 2 \(Conv2d\) needs maps"),
        ([nn.Flatten(2), DENSE, nn.ReLU()], r"module 0 \(Flatten\) must flatten all dimensions"),
        ([CONV, nn.Dropout(0.5), nn.ReLU()], r"module 1 \(Dropout\) draws from global randomness"),
        ([CONV, nn.AvgPool2d(2), nn.ReLU()], r"module 1 \(AvgPool2d\) averages before the ReLU"),
        ([CONV, nn.MaxPool2d(2), nn.BatchNorm2d(2), nn.ReLU()], r"module 2 .* between pooling and ReLU"),
        ([nn.MaxPool2d(2), CONV, nn.ReLU()], r"module 0 \(MaxPool2d\) must stand behind a convolution"),
        ([CONV, nn.ReLU(), nn.MaxPool2d(2, return_indices=True)], r"module 2 .* returns indices"),
        ([nn.ReLU(), CONV, nn.ReLU()], r"module 0 \(ReLU\) has no layer in front"),
        ([LEARNED, CONV, nn.ReLU()], r"module 0 \(BatchNorm2d\) has learned a scale or a shift"),
        ([nn.BatchNorm2d(2), nn.Flatten(), DENSE, nn.ReLU()], r"module 1 \(Flatten\) stands between batch norm"),
        ([nn.BatchNorm1d(2), CONV, nn.ReLU()], r"module 1 \(Conv2d\) cannot have BatchNorm1d in front"),
        ([CONV, nn.BatchNorm1d(2), nn.ReLU()], r"module 1 \(BatchNorm1d\) does not fit the output of module 0"),
        ([CONV, nn.BatchNorm2d(2, track_running_stats=False), nn.ReLU()], r"module 1 .* no running statistics"),
        ([CONV, nn.ReLU(), CONV, nn.ReLU()], "stands in the chain twice"),
        ([nn.ReLU()], "there is nothing to learn"),
        ([nn.LazyConv2d(2, 3), nn.ReLU(), CONV, nn.ReLU()], r"module 0 \(LazyConv2d\) must be a layer, norm"),
    ],
)
def test_what_no_block_can_have_is_named(modules: list[nn.Module], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        from_sequential(nn.Sequential(*modules))


def test_other_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match=r"chain must be nn\.Sequential, got Conv2d"):
        from_sequential(CONV)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="norm must be one of length, batch, none, got 'layer'"):
        from_sequential(nn.Sequential(CONV, nn.ReLU()), norm="layer")


def test_such_a_network_learns_and_is_saved(tmp_path) -> None:
    chain = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(54, 8), nn.ReLU(), nn.Linear(8, 2)
    )
    data = ImageData(torch.randint(256, (40, 1, 8, 8)).byte(), torch.arange(40) % 2, ("cat", "dog"), "noise")
    net, rule = from_sequential(chain, drop_head=True), ForwardForward(label_at=AtOutput(2))
    before = [block.layer.weight.clone() for block in net]
    for _ in Trainer(net, NoLabels(2), rule).fit(data):
        pass
    assert not any(torch.equal(block.layer.weight, old) for block, old in zip(net, before, strict=True))
    model = Classifier(net, NoLabels(2), rule, class_names=data.class_names, image_shape=data.shape)
    model.save(tmp_path / "mine.safetensors")
    again = load(tmp_path / "mine.safetensors", net=from_sequential(chain, drop_head=True))
    assert torch.equal(again.scores(data.images), model.scores(data.images))


def test_flat_norm_gives_label_images_statistics_of_their_own() -> None:
    norm, x = FlatNorm(nn.BatchNorm1d(8, affine=False)), torch.rand(5, 2, 2, 2)
    block = Block(norm, nn.Linear(8, 3))
    found = block.normalised(x, stream=2)
    labels = x[3:].flatten(1)
    expected = (labels - labels.mean(dim=0)) / (labels.var(dim=0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(found[3:], expected, rtol=1e-4, atol=1e-5)
    assert isinstance(LayerLocalNet([block]), LayerLocalNet)
