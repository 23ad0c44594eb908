"""Hinton's supervised step, all of it, against a plain version in numpy and float64.

The oracle is written from the description of his Matlab code: its scale, its order within a batch, its softmax. The
package gets there by a rule whose direction is twice his, an optimiser, a stabiliser, a readout and negatives.
"""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from convff import (
    Batch,
    ForwardForward,
    LabelContrast,
    LayerLocalNet,
    NeutralNegatives,
    Schedule,
    SoftmaxReadout,
    Stabilised,
    Threshold,
    Trainer,
    keyed_generator,
    mlp,
)
from convff.stabilisers import PeerNormalisation
from labels import OneHotLabels

SHAPE, WIDTHS, CLASSES, B, STEPS = (1, 2, 4), (5, 4, 3), 3, 6, 3
EPS, WC, EPS_S, SUPWC, DELAY, LAMBDA = 0.2, 0.05, 0.4, 0.03, 0.9, 0.3


@dataclass
class Doubles:
    """Six images in float64, and the batches that were taken of them."""

    name: str = "doubles"
    num_classes: int = CLASSES
    taken: list[Batch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images = torch.rand(B, *SHAPE, generator=keyed_generator(0, "images"), dtype=torch.float64)

    def __len__(self) -> int:
        return B

    def batch(self, indices: torch.Tensor) -> Batch:
        self.taken.append(Batch(self.images[indices], indices % CLASSES))
        return self.taken[-1]


def rms(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-8)


def sigma(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


class Oracle:
    """The network, the softmax and the running means, step by step."""

    def __init__(self, net: LayerLocalNet) -> None:
        self.W = [block.layer.weight.detach().numpy().copy() for block in net]
        self.b = [block.layer.bias.detach().numpy().copy() for block in net]
        self.S = [np.zeros((n, CLASSES)) for n in WIDTHS[1:]]  # all hidden layers but the first
        self.m = [np.full(n, 0.5) for n in WIDTHS]
        self.mean_W = [np.zeros_like(w) for w in self.W]
        self.mean_b = [np.zeros_like(b) for b in self.b]
        self.mean_S = [np.zeros_like(s) for s in self.S]

    def passes(self, images: np.ndarray, code: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the inputs h_0 .. h_L and the activity a_1 .. a_L."""
        x = images.reshape(B, -1).copy()
        x[:, :CLASSES] = code
        h, activity = [rms(x)], []
        for W, b in zip(self.W, self.b, strict=True):
            activity.append(np.maximum(h[-1] @ W.T + b, 0))
            h.append(rms(activity[-1]))
        return h, activity

    def step(self, images: np.ndarray, y: np.ndarray, uniform: np.ndarray, gain: float) -> np.ndarray:
        """Take a step; return the wrong labels."""
        right = np.eye(CLASSES)[y]
        h_plus, a_plus = self.passes(images, right)
        neutral, _ = self.passes(images, np.full((B, CLASSES), 1 / CLASSES))
        z = sum(h @ S for h, S in zip(neutral[2:], self.S, strict=True))
        q = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        # The softmax learns; the logits above are from before.
        for level, h in enumerate(neutral[2:]):
            self.mean_S[level] = DELAY * self.mean_S[level] + (1 - DELAY) * h.T @ (right - q) / B
            self.S[level] = self.S[level] + gain * EPS_S * (self.mean_S[level] - SUPWC * self.S[level])
        # One wrong label per image, in proportion to q: the first of exponential waiting times.
        wrong = np.zeros(B, dtype=int)
        for n in range(B):
            others = [(y[n] + j) % CLASSES for j in range(1, CLASSES)]
            times = [-np.log1p(-u) / q[n, k] for u, k in zip(uniform[n], others, strict=True)]
            wrong[n] = others[int(np.argmin(times))]
        h_minus, a_minus = self.passes(images, np.eye(CLASSES)[wrong])
        for level, N in enumerate(WIDTHS):
            p_plus = sigma((a_plus[level] ** 2).sum(axis=1) - N)
            p_minus = sigma((a_minus[level] ** 2).sum(axis=1) - N)
            self.m[level] = 0.9 * self.m[level] + 0.1 * a_plus[level].mean(axis=0)
            D, d = np.zeros_like(self.W[level]), np.zeros(N)
            for n in range(B):
                by_input = (1 - p_plus[n]) * a_plus[level][n] + LAMBDA * (self.m[level].mean() - self.m[level])
                D += np.outer(by_input, h_plus[level][n]) - np.outer(p_minus[n] * a_minus[level][n], h_minus[level][n])
                d += by_input - p_minus[n] * a_minus[level][n]
            self.mean_W[level] = DELAY * self.mean_W[level] + (1 - DELAY) * D / B
            self.mean_b[level] = DELAY * self.mean_b[level] + (1 - DELAY) * d / B
            self.W[level] = self.W[level] + gain * EPS * (self.mean_W[level] - WC * self.W[level])
            self.b[level] = self.b[level] + gain * EPS * self.mean_b[level]
        return wrong


def trainer_of(net: LayerLocalNet, labels: OneHotLabels, contrast: LabelContrast) -> Trainer:
    rule = Stabilised(
        rule=ForwardForward(gate=Threshold(scale=1.0), reduction="sum"),
        stabilisers=(PeerNormalisation(strength=LAMBDA),),
    )
    schedule = Schedule(
        epochs=STEPS, batch_size=B, optimizer="smoothed", lr=EPS / 2, momentum=DELAY, weight_decay=2 * WC
    )
    readout = SoftmaxReadout(net, labels, SHAPE, lr=EPS_S, momentum=DELAY, weight_decay=SUPWC)
    return Trainer(net, labels, rule, schedule=schedule, contrast=contrast, readout=readout, seed=3)


class Noting(NeutralNegatives):
    """Notes what it drew."""

    def __call__(self, *arguments: object) -> torch.Tensor:
        found: torch.Tensor = super().__call__(*arguments)  # type: ignore[arg-type]
        self.__dict__.setdefault("drawn", []).append(found[:, 0].tolist())
        return found


@pytest.mark.filterwarnings("ignore::convff.training.health.TrainingWarning")
def test_three_steps_are_those_of_the_oracle() -> None:
    torch.manual_seed(1)
    net = mlp(SHAPE, widths=WIDTHS).double()
    with torch.no_grad():
        for block in net:
            block.layer.weight.normal_(0, 1.5 * block.layer.weight.shape[1] ** -0.5)
    oracle, data, labels, negatives = Oracle(net), Doubles(), OneHotLabels(CLASSES), Noting()
    trainer = trainer_of(net, labels, LabelContrast(labels, negatives))
    start = [w.copy() for w in oracle.W]
    for step, _ in enumerate(trainer.fit(data)):
        images, classes = data.taken[-1]
        uniform = torch.rand(B, CLASSES - 1, generator=keyed_generator(3, "negatives", step, 0)).numpy()
        wrong = oracle.step(images.numpy(), classes.numpy(), uniform.astype(float), gain=(1.0, 1.0, 2 / 3)[step])
        assert negatives.drawn[step] == wrong.tolist()
        for level, block in enumerate(net):
            np.testing.assert_allclose(block.layer.weight.detach().numpy(), oracle.W[level], rtol=0, atol=1e-12)
            np.testing.assert_allclose(block.layer.bias.detach().numpy(), oracle.b[level], rtol=0, atol=1e-12)
            (means,) = trainer.step.states[level].stabilisers
            np.testing.assert_allclose(means.numpy(), oracle.m[level], rtol=0, atol=1e-12)
        softmax = trainer.readout.linear.weight.detach().numpy()
        np.testing.assert_allclose(softmax, np.concatenate(oracle.S).T, rtol=0, atol=1e-12)
    assert step == STEPS - 1
    for before, after in zip(start, oracle.W, strict=True):
        assert np.abs(after - before).max() > 1e-3  # the steps are large enough to be told apart
    assert trainer.readout.linear.weight.abs().max() > 1e-3
    assert any((m < 0.45).any() for m in oracle.m)  # some unit has been silent, and is pushed


def test_equation_4_takes_goodness_to_the_wanted_value_in_one_step() -> None:
    """Without a bias, `W + e a x^T` multiplies the activity of a normalised input of n values by 1 + e n."""
    torch.manual_seed(0)
    net = mlp(SHAPE, widths=(5, 4)).double()
    block = next(iter(net))
    torch.nn.init.zeros_(block.layer.bias)
    x = block.normalised(torch.rand(1, *SHAPE).double())
    a, layer = block.activity(x).detach(), block.layer
    wanted, goodness = 7.0, a.square().sum()
    step = ((wanted / goodness) ** 0.5 - 1) / x.square().sum()
    with torch.no_grad():
        layer.weight.addmm_(a.T, x, alpha=step.item())
        after = torch.relu(x @ layer.weight.T)
    assert after.square().sum().item() == pytest.approx(wanted, rel=1e-12)
    torch.testing.assert_close(after / after.norm(), a / a.norm(), rtol=1e-12, atol=1e-14)
