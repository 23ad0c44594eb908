"""Hebbian Forward-Forward on convolutions, from top to bottom: `python examples/conv_hebbff.py [IMAGES [EPOCHS]]`.

HebbFF (Krutsylo) has dense layers, which see a label wherever it stands. A filter sees only a window, so the label must
be everywhere: here it is a wave, mixed into the image (Scodellaro et al. 2025). Each layer strengthens what is active
while the right wave is shown, and weakens what is active for a wrong one. Nothing is differentiated.
Letters: B images, K classes, C channels, O filters of k x k, N = 2 B passes: right labels, then wrong ones.
"""

import math
import sys
import time

import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_weight

from experiments.datasets import load_dataset

K, SIDE, INTENSITY = 10, 28, 0.35  # classes; side of an image; share of the wave in it
FILTERS, KERNEL, STRIDES = 32, 5, (2, 1, 1)
BATCH, RATE, MOMENTUM, SCALE = 64, 0.005, 0.9, 100.0


def waves() -> Tensor:  # [K, 1, SIDE, SIDE]
    """Draw a wave in [0, 1] per class: five orientations, with 3 or 6 cycles across the image."""
    row, column = torch.arange(SIDE)[:, None], torch.arange(SIDE)
    angle = [math.pi * (k % 5) / 5 for k in range(K)]
    along = torch.stack([row * math.sin(t) + column * math.cos(t) for t in angle])  # [K, SIDE, SIDE]
    cycles = torch.tensor([3, 6]).repeat_interleave(K // 2)[:, None, None]
    return 0.5 + 0.5 * torch.cos(2 * math.pi * cycles * along / SIDE)[:, None]


def with_label(x: Tensor, k: Tensor, bank: Tensor) -> Tensor:  # x [N, 1, H, W], k [N] -> [N, 1, H, W]
    """Mix the wave of a class into an image: `(1 - K) image + K wave`, the paper's K being `INTENSITY`."""
    return (1 - INTENSITY) * x + INTENSITY * bank[k]


def normalised(h: Tensor) -> Tensor:  # h [N, C, H, W] -> [N, C, H, W]
    """Divide by the length, so that a layer cannot read off the goodness of the one below."""
    return h / (h.square().mean(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()


def activity(x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:  # x [N, C, H, W] -> [N, O, H', W']
    """Compute `a = relu(W * x + b)`."""
    return torch.relu(conv2d(x, weight, bias, stride, KERNEL // 2))


def goodness(a: Tensor) -> Tensor:  # a [N, O, H', W'] -> [N]
    """Compute `g = mean(a^2)`, over filters and positions (HebbFF, equation 1)."""
    return a.square().mean(dim=(1, 2, 3))


def gate(g_right: Tensor, g_wrong: Tensor) -> Tensor:  # [B], [B] -> [B]
    """Open the gate while the wrong label is as good: `c = sigma(-s (g+ - g-))`.

    HebbFF's equation 2, `c+ = sigma(1 - g+)` and `c- = sigma(g- - 1)`, has a threshold instead of the other pass.
    """
    return torch.sigmoid(-SCALE * (g_right - g_wrong))


def direction(x: Tensor, a: Tensor, c: Tensor, shape: torch.Size, stride: int) -> tuple[Tensor, Tensor]:
    """Compute `dW = sum_n c_n a_n (x) x_n`, also summed over the positions that share a filter (equations 3 and 4).

    x [N, C, H, W], a [N, O, H', W'], c [B] -> [O, C, k, k], [O].
    """
    post = a * torch.cat([c, -c])[:, None, None, None]  # [N, O, H', W']
    return conv2d_weight(x, shape, post, stride, KERNEL // 2), post.sum(dim=(0, 2, 3))


def step(layer: tuple[Tensor, Tensor], moved: list[Tensor], toward: tuple[Tensor, Tensor], rate: float) -> None:
    """Move by a share of the weights' length along the sum of past directions, whatever the length of that is."""
    for m, d in zip(moved, toward, strict=True):
        m.mul_(MOMENTUM).add_(d)
    share = rate * math.hypot(*(w.norm() for w in layer)) / (math.hypot(*(m.norm() for m in moved)) + 1e-30)
    for w, m in zip(layer, moved, strict=True):
        w.add_(m, alpha=share)


def predict(x: Tensor, layers: list[tuple[Tensor, Tensor]], bank: Tensor) -> Tensor:  # x [N, 1, H, W] -> [N]
    """Try every label, and take the one whose goodness, summed over the layers, is highest."""
    scores = torch.zeros(len(x), K)
    for k in range(K):
        h = with_label(x, torch.full((len(x),), k), bank)
        for (weight, bias), stride in zip(layers, STRIDES, strict=True):
            h = activity(normalised(h), weight, bias, stride)
            scores[:, k] += goodness(h)
    return scores.argmax(dim=1)


@torch.no_grad()
def main(images: int = 30_000, epochs: int = 5) -> float:
    """Train on the first `images` images of MNIST and return the accuracy on the first 2,000 test images."""
    data, bank = load_dataset("mnist", None), waves()
    x, y = data.train.images[:images] / 255, data.train.classes[:images]  # [images, 1, 28, 28], [images]
    torch.manual_seed(0)
    inputs = (1, FILTERS, FILTERS)
    layers = [(torch.randn(FILTERS, c, KERNEL, KERNEL) / (c**0.5 * KERNEL), torch.zeros(FILTERS)) for c in inputs]
    momenta = [[torch.zeros_like(w) for w in layer] for layer in layers]
    start = time.perf_counter()
    for epoch in range(epochs):
        for batch in torch.randperm(len(x)).split(BATCH):
            right = y[batch]  # [B]
            wrong = (right + torch.randint(1, K, right.shape)) % K  # [B], never the right one
            h = with_label(x[batch].repeat(2, 1, 1, 1), torch.cat([right, wrong]), bank)  # [N, 1, 28, 28]
            for layer, moved, stride in zip(layers, momenta, STRIDES, strict=True):
                h = normalised(h)
                a = activity(h, *layer, stride)  # [N, O, H', W']
                c = gate(*goodness(a).chunk(2))  # [B]
                step(layer, moved, direction(h, a, c, layer[0].shape, stride), RATE * (1 - epoch / epochs))
                h = a  # no layer waits for another, and nothing is sent back
        print(f"epoch {epoch + 1}: mean gate of the last layer {c.mean():.2f}, {time.perf_counter() - start:.0f} s")
    predicted = predict(data.test.images[:2000] / 255, layers, bank)  # [2000]
    accuracy = (predicted == data.test.classes[:2000]).float().mean().item()
    print(f"{100 * accuracy:.1f} % of {len(predicted)} test images")
    return accuracy


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
