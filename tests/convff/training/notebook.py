"""The loop of the public notebook that `experiments/greedy.py --preset paper` repeats, by automatic differentiation."""

from collections.abc import Sequence

import torch
from torch import Tensor

from convff import LabelContrast, keyed_generator
from convff.data import Data
from labels import OneHotLabels


def notebooks_loop(
    parts: Sequence[Data], labels: OneHotLabels, layers: list[dict[str, Tensor]], steps: int, *, reset: bool = False
) -> None:
    """The public notebook's loop: for each batch, each layer takes all its steps, on fixed outputs of the one below."""

    def adam(layer: dict[str, Tensor]) -> torch.optim.Optimizer:
        # Twice the loss of the notebook, which is a mean over right and wrong passes: Adam sees it by its eps alone.
        return torch.optim.Adam(layer.values(), lr=0.03)

    def output(x: Tensor, layer: dict[str, Tensor]) -> Tensor:
        x = x / (x.norm(2, 1, keepdim=True) + 1e-4)
        return torch.relu(x @ layer["weight"].T + layer["bias"])

    optimizers = [adam(layer) for layer in layers]
    for part in parts:
        order = torch.randperm(len(part), generator=keyed_generator(0, "order", 0))
        pixels, classes = part.batch(order)
        pixels = pixels.to(layers[0]["weight"].dtype)
        wrong = LabelContrast(labels).draw(classes, keyed_generator(0, "negatives", 0, 0))[:, 1]
        x_pos, x_neg = ((labels(pixels, which).flatten(1) - 0.1307) / 0.3081 for which in (classes, wrong))
        for number, layer in enumerate(layers):
            if reset:
                optimizers[number] = adam(layer)
            for _ in range(steps):
                g_pos, g_neg = (output(x, layer).pow(2).mean(1) for x in (x_pos, x_neg))
                loss = 2 * torch.log(1 + torch.exp(torch.cat([-g_pos + 3.0, g_neg - 3.0]))).mean()
                optimizers[number].zero_grad()
                loss.backward()
                optimizers[number].step()
            x_pos, x_neg = (output(x, layer).detach() for x in (x_pos, x_neg))
