"""Goodness inference, the readout and its fit, goodness under bfloat16, and checkpoints."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from convff import (
    Checkpoint,
    ImageData,
    LayerLocalNet,
    LinearReadout,
    Schedule,
    Trainer,
    block_goodness,
    cnn3,
    cnn6,
    goodness_scores,
    load_checkpoint,
    mlp,
    save_checkpoint,
)
from convff.data import as_floats
from convff.functional import length_normalise, mean_goodness, sum_goodness
from convff.inference.goodness import block_goodness_of
from convff.machine.precision import autocast, fastest_precision
from convff.optimizers import OPTIMIZERS
from convff.randomness import keyed_generator
from convff.rules import RULES
from convff.schedule import SCHEDULES
from labels import FourierLabels, OneHotLabels

SIZE = (8, 8)
LABELS = FourierLabels(5, SIZE)


def images(count: int = 6, seed: int = 0) -> Tensor:
    return torch.rand(count, 1, *SIZE, generator=keyed_generator(seed, "images"))


def data(count: int = 60) -> ImageData:
    """Five classes of blurred noise with a bright bar each, not all easy to tell apart."""
    noise = images(count, seed=2)
    classes = torch.arange(count) % 5
    for row in range(5):
        noise[classes == row, :, row + 1] += 0.35
    return ImageData((noise / noise.max() * 255).byte(), classes, tuple("abcde"), "bars")


def network() -> LayerLocalNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cnn3((1, *SIZE), width=6, kernel=3)


def goodness_by_hand(net: LayerLocalNet, image: Tensor, label: int) -> list[float]:
    """One image, one label, block by block, with nothing batched."""
    h, found = LABELS(image[None], torch.tensor([label])), []
    for block in net:
        h = torch.relu(block.layer(h / h.square().mean().sqrt()))
        found.append(h.square().mean().item())
    return found


@torch.no_grad()
def test_goodness_of_every_label_one_at_a_time() -> None:
    net, batch = network(), images(3)
    scores = block_goodness(net, batch, LABELS)
    for i, image in enumerate(batch):
        for label in range(5):
            assert scores[:, i, label].tolist() == pytest.approx(goodness_by_hand(net, image, label), rel=1e-4)
    torch.testing.assert_close(goodness_scores(net, batch, LABELS), scores[1] + scores[2])
    torch.testing.assert_close(goodness_scores(net, batch, LABELS, first=0), scores.sum(dim=0))


def test_candidates_score_as_they_do_among_all() -> None:
    net, batch = network(), images(3)
    candidates = torch.tensor([[4, 0], [1, 2], [3, 1]])
    everything = goodness_scores(net, batch, LABELS)
    some = goodness_scores(net, batch, LABELS, candidates=candidates)
    torch.testing.assert_close(some.gather(1, candidates), everything.gather(1, candidates))
    assert torch.isinf(some).sum() == 9
    with pytest.raises(ValueError, match=r"`first` must be in \[0, 3\), got "):
        goodness_scores(net, batch, LABELS, first=3)


def test_batches_do_not_change_scores() -> None:
    whole = block_goodness(network(), as_floats(data().images), LABELS)
    torch.testing.assert_close(block_goodness_of(network(), data(), LABELS, passes_per_batch=35), whole)


def test_goodness_is_the_mean_and_the_sum_of_squares() -> None:
    a = torch.randn(4, 3, 5, 5, generator=keyed_generator(0, "a"), dtype=torch.float64)
    torch.testing.assert_close(mean_goodness(a), a.square().mean(dim=(1, 2, 3)), rtol=1e-12, atol=0)
    torch.testing.assert_close(sum_goodness(a), a.square().sum(dim=(1, 2, 3)), rtol=1e-12, atol=0)


def test_goodness_of_bfloat16_is_added_up_in_float32() -> None:
    a = torch.randn(8, 64, 28, 28, generator=keyed_generator(0, "a")).relu()
    rough = mean_goodness(a.bfloat16())
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, mean_goodness(a), rtol=0.01, atol=0)


def test_length_normalisation_keeps_the_direction_and_survives_silence() -> None:
    x = torch.randn(3, 2, 4, 4, generator=keyed_generator(0, "x"), dtype=torch.float64)
    x[2] = 0
    y = length_normalise(x)
    assert y.square().mean(dim=(1, 2, 3)).tolist() == pytest.approx([1, 1, 0], abs=1e-6)
    ratio = y[:2] / x[:2]
    torch.testing.assert_close(ratio, ratio[:, :1, :1, :1].expand_as(ratio))


def test_bfloat16_learns_what_float32_learns() -> None:
    """The same training in both precisions ends in networks whose goodness agrees to one per cent, on average."""
    scores = []
    for precision in ("float32", "bfloat16"):
        net = network()
        schedule = Schedule(epochs=2, batch_size=10)
        for _ in Trainer(net, LABELS, RULES["ff"](), schedule=schedule, precision=precision).fit(data()):
            pass
        assert all(parameter.dtype == torch.float32 for parameter in net.parameters())
        with autocast(torch.device("cpu"), precision):
            scores.append(block_goodness(net, images(20), LABELS))
    assert ((scores[0] - scores[1]).abs().mean() / scores[0].mean()) <= 0.01


def test_precision_is_checked() -> None:
    assert fastest_precision(torch.device("cpu")) in ("float32", "bfloat16")
    with pytest.raises(ValueError, match="got 'int4'"):
        autocast(torch.device("cpu"), "int4")


def test_schedules_follow_the_papers() -> None:
    E, lr = 10, 0.3
    for e in range(1, E + 1):
        published = lr if e <= E / 2 else 2 * lr / E * (1 + E - e)
        assert lr * SCHEDULES["cooldown"]((e - 1) / E) == pytest.approx(published)
        assert SCHEDULES["constant"](e / E) == 1
    with pytest.raises(ValueError, match="'adamw' is not one of adam, sgd, relative"):
        Schedule(optimizer="adamw")
    with pytest.raises(ValueError, match="batch_size at least 2"):
        Schedule(batch_size=1)


def test_labels_and_data_must_have_the_same_classes() -> None:
    with pytest.raises(ValueError, match="bars has 5 classes, but the labels are for 4"):
        next(Trainer(network(), FourierLabels(4, SIZE), RULES["ff"]()).fit(data()))


def test_optimisers_take_a_gradient_of_any_layout() -> None:
    """A convolution's direction lands on the right weights, whatever memory format the backend gave it in."""
    from convff.training.setting_up import _laid_out_like

    weight = torch.rand(4, 3, 3, 3).to(memory_format=torch.channels_last)
    grad = torch.rand(4, 3, 3, 3)
    placed = _laid_out_like(weight, grad)
    assert placed.stride() == weight.stride()
    assert torch.equal(placed, grad)


def test_a_dead_layer_survives_a_relative_step() -> None:
    weight = torch.nn.Parameter(torch.full((18,), 18.0))
    weight.grad = torch.zeros(18)
    OPTIMIZERS["relative"]([weight], lr=1.0, momentum=0.9).step()
    assert torch.equal(weight.data, torch.full((18,), 18.0))


class TestReadout:
    """The linear readout."""

    def test_reads_every_block_but_the_first_before_normalisation(self) -> None:
        net = network()
        readout = LinearReadout(net, LABELS, (1, *SIZE), grid=None)
        activations = net(LABELS.neutral(images()))
        expected = torch.cat([a.flatten(1) for a in activations[1:]], dim=1)
        torch.testing.assert_close(readout.features(images()), expected)

    def test_scores_are_sums_over_positions_of_weight_times_activity(self) -> None:
        net = network()
        readout = LinearReadout(net, LABELS, (1, *SIZE), grid=2)
        torch.nn.init.normal_(readout.linear.weight)
        weights = readout.linear.weight.view(5, 2, 6, 2, 2)  # classes, blocks, channels, regions
        expected = readout.linear.bias + sum(
            torch.einsum("nchw,kchw->nk", a, weights[:, i].repeat_interleave(4, 2).repeat_interleave(4, 3) / 16)
            for i, a in enumerate(net(LABELS.neutral(images()))[1:])
        )
        torch.testing.assert_close(readout(images()), expected, rtol=1e-4, atol=1e-5)

    def test_fit_is_logistic_regression(self) -> None:
        l2 = 0.05
        readout = LinearReadout(network(), LABELS, (1, *SIZE), grid=2)
        readout.fit(data(), l2=l2, iterations=500)
        features = readout.features_of(data()).double()
        standard = ((features - features.mean(dim=0)) / features.std(dim=0).clamp_min(1e-6)).numpy()
        peer = LogisticRegression(C=1 / (l2 * len(features)), tol=1e-8, max_iter=5000).fit(standard, data().classes)
        ours = torch.softmax(readout(as_floats(data().images)), dim=1).detach().double().numpy()
        assert abs(ours - peer.predict_proba(standard)).max() < 5e-3

    def test_training_it_leaves_the_network_alone(self) -> None:
        nets = []
        for reads in (False, True):
            net = network()
            readout = LinearReadout(net, LABELS, (1, *SIZE)) if reads else None
            for _ in Trainer(net, LABELS, RULES["ff"](), schedule=Schedule(epochs=2), readout=readout).fit(data()):
                pass
            nets.append(net)
        assert readout is not None
        assert readout.linear.weight.abs().sum() > 0
        assert [name for name, _ in readout.named_parameters()] == ["linear.weight", "linear.bias"]
        for one, other in zip(*(net.state_dict().values() for net in nets), strict=True):
            assert torch.equal(one, other)

    def test_joint_training_lowers_its_loss(self) -> None:
        readout = LinearReadout(network(), LABELS, (1, *SIZE), lr=0.01)
        batch = as_floats(data().images)
        losses = [readout.step(batch, data().classes).item() for _ in range(30)]
        assert losses[-1] < 0.9 * losses[0]

    def test_refuses_to_read_nothing(self) -> None:
        with pytest.raises(ValueError, match=r"`first` must be in \[0, 3\), got 3"):
            LinearReadout(network(), LABELS, (1, *SIZE), first=3)


class TestCheckpoint:
    """Saving and loading."""

    def saved(self, path: Path) -> Checkpoint:
        options = {"widths": [4, 4], "pool_after": [1]}
        checkpoint = Checkpoint("cnn6", (1, *SIZE), options, cnn6((1, *SIZE), widths=(4, 4), pool_after=(1,)))
        checkpoint.net(torch.rand(4, 1, *SIZE))  # running statistics to be kept
        save_checkpoint(path, checkpoint)
        return checkpoint

    def test_round_trip(self, tmp_path: Path) -> None:
        path = tmp_path / "net.safetensors"
        before, after = self.saved(path), load_checkpoint(path)
        assert (after.model, after.input_shape) == ("cnn6", (1, *SIZE))
        for name, tensor in before.net.state_dict().items():
            assert torch.equal(after.net.state_dict()[name], tensor)
        assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]

    def test_a_failed_write_keeps_the_file_before(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "net.safetensors"
        self.saved(path)
        before = path.read_bytes()

        def full(_descriptor: int) -> None:
            raise OSError("no space left")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="no space"):
            self.saved(path)
        assert path.read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]

    def test_refuses_what_is_no_checkpoint(self, tmp_path: Path) -> None:
        path = tmp_path / "net.safetensors"
        with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
            load_checkpoint(path)
        checkpoint = self.saved(path)
        save_checkpoint(path, replace(checkpoint, model="cnn99"))
        with pytest.raises(ValueError, match="does not describe a network"):
            load_checkpoint(path)
        self.saved(path)
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(ValueError, match="damaged"):
            load_checkpoint(path)
        path.write_bytes(b"\x80\x04cos\nsystem\n")
        with pytest.raises(ValueError, match="not a safetensors file"):
            load_checkpoint(path)


class TestImageData:
    """Labelled images."""

    def test_refuses_what_does_not_fit(self) -> None:
        right = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
        with pytest.raises(TypeError, match="uint8"):
            ImageData(right.float(), torch.tensor([0, 1]), ("a", "b"), "x")
        with pytest.raises(ValueError, match=r"\[N, C, H, W\]"):
            ImageData(right[0], torch.tensor([0]), ("a", "b"), "x")
        with pytest.raises(ValueError, match="names for 2 classes"):
            ImageData(right, torch.tensor([0, 2]), ("a", "b"), "x")

    def test_parts(self) -> None:
        assert len(data().part(0, 7)) == 7
        assert len(data().part(7, None)) == 53


def test_models_refuse_what_they_cannot_build() -> None:
    with pytest.raises(ValueError, match="kernel must be odd"):
        cnn3((1, 8, 8), kernel=4)
    with pytest.raises(ValueError, match="too many for images of 2 x 2"):
        cnn6((1, 2, 2))
    with pytest.raises(ValueError, match="kernel must be odd"):
        cnn6((1, 8, 8), kernel=2)


def test_dense_network_learns_with_one_hot_labels() -> None:
    net = mlp((1, *SIZE), widths=(64, 64))
    labels = OneHotLabels(5)
    for _ in Trainer(net, labels, RULES["ff"](), schedule=Schedule(epochs=40, batch_size=10)).fit(data(200)):
        pass
    predicted = goodness_scores(net, as_floats(data(200).images), labels).argmax(dim=1)
    assert (predicted == data(200).classes).float().mean() > 0.8
