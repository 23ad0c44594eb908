"""Forward-Forward (Hinton 2022) on MNIST from top to bottom: `python examples/forward_forward.py [IMAGES [EPOCHS]]`.

Each layer learns on its own: it makes its goodness, the mean of its squared activity, high for an image with its right
label and low for one with a wrong label. There is no backward pass and no graph. 90 seconds on two CPU cores.

Letters: B images, K classes, I inputs of a layer, O units of a layer, N = 2 B passes: right labels, then wrong ones.
"""

import sys
import time
from itertools import pairwise

import torch
from torch import Tensor

from experiments.datasets import load_dataset

K = 10
UNITS = (784, 800, 800)  # inputs, then the units of each layer
BATCH, RATE, SCALE = 100, 1e-3, 30.0


def with_label(x: Tensor, k: Tensor) -> Tensor:  # x [N, I], k [N] -> [N, I]
    """Write a one-hot label over the first K pixels."""
    return torch.cat([torch.eye(K)[k], x[:, K:]], dim=1)


def normalised(h: Tensor) -> Tensor:  # h [N, I] -> [N, I]
    """Divide by the length, so that a layer cannot read off the goodness of the one below."""
    return h / (h.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()


def activity(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:  # x [N, I] -> [N, O]
    """Compute `a = relu(W x + b)`."""
    return torch.relu(torch.addmm(bias, x, weight.T))


def goodness(a: Tensor) -> Tensor:  # a [N, O] -> [N]
    """Compute `g = mean(a^2)`."""
    return a.square().mean(dim=1)


def gate(g_right: Tensor, g_wrong: Tensor) -> Tensor:  # [B], [B] -> [B]
    """Open the gate while the wrong label is as good as the right one: `c = sigma(-s (g+ - g-))` (SymBa)."""
    return torch.sigmoid(-SCALE * (g_right - g_wrong))


def direction(x: Tensor, a: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:  # x [N, I], a [N, O], c [B] -> [O, I], [O]
    """Strengthen what is active for right labels, weaken it for wrong ones: `dW = sum_n c_n a_n x_n^T`.

    With ReLU this is the gradient of the loss `softplus(-s (g+ - g-))`, but for a constant factor and the sign.
    """
    post = a * torch.cat([c, -c])[:, None]  # [N, O]
    return post.T @ x / len(c), post.sum(dim=0) / len(c)


def predict(x: Tensor, layers: list[tuple[Tensor, Tensor]]) -> Tensor:  # x [N, I] -> [N]
    """Try every label, and take the one whose goodness, summed over the layers, is highest."""
    scores = torch.zeros(len(x), K)
    for k in range(K):
        h = with_label(x, torch.full((len(x),), k))  # [N, I]
        for weight, bias in layers:
            h = activity(normalised(h), weight, bias)  # [N, O]
            scores[:, k] += goodness(h)
    return scores.argmax(dim=1)


@torch.no_grad()
def main(images: int = 60_000, epochs: int = 10) -> float:
    """Train on the first `images` images and return the accuracy on the test images."""
    data = load_dataset("mnist", None)
    x, y = data.train.images.flatten(1)[:images] / 255, data.train.classes[:images]  # [images, 784], [images]
    torch.manual_seed(0)
    layers = [(torch.randn(o, i) / i**0.5, torch.zeros(o)) for i, o in pairwise(UNITS)]
    optimisers = [torch.optim.Adam(layer, lr=RATE) for layer in layers]
    start = time.perf_counter()
    for epoch in range(epochs):
        for optimiser in optimisers:
            optimiser.param_groups[0]["lr"] = RATE * (1 - epoch / epochs)
        for batch in torch.randperm(len(x)).split(BATCH):
            right = y[batch]  # [B]
            wrong = (right + torch.randint(1, K, right.shape)) % K  # [B], never the right one
            h = with_label(x[batch].repeat(2, 1), torch.cat([right, wrong]))  # [N, 784]
            for (weight, bias), optimiser in zip(layers, optimisers, strict=True):
                h = normalised(h)  # [N, I]
                a = activity(h, weight, bias)  # [N, O]
                c = gate(*goodness(a).chunk(2))  # [B]
                weight.grad, bias.grad = (-d for d in direction(h, a, c))  # Adam steps against it
                optimiser.step()  # the layer above does not wait for this step, and sends nothing back
                h = a
        print(f"epoch {epoch + 1}: mean gate of the last layer {c.mean():.2f}, {time.perf_counter() - start:.0f} s")
    accuracy = (predict(data.test.images.flatten(1) / 255, layers) == data.test.classes).float().mean().item()
    print(f"{100 * accuracy:.1f} % of {len(data.test.classes)} test images")
    return accuracy


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
