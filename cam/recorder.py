"""The recorder: runs a model once and keeps the activity of its target layers."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cam.modes import evaluating


class Recorder:
    """Runs a model and keeps the activity of the target layers, in their order.

    It replaces grad-cam's own recorder, which keeps its hooks and leaves the model in evaluation mode. Here both end
    with the call, also after an exception.

    Args:
        model: the model.
        layers: the target layers.
        needs_graph: whether gradients with respect to the activity will be needed.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> recorder = Recorder(model, [model[0]], needs_graph=False)
        >>> recorder(torch.rand(4, 2)).shape, recorder.activations[0].shape
        (torch.Size([4, 3]), torch.Size([4, 3]))
    """

    def __init__(self, model: nn.Module, layers: Sequence[nn.Module], *, needs_graph: bool) -> None:
        self.model = model
        self.layers = layers
        self.needs_graph = needs_graph
        self.activations: list[Tensor] = []
        self.gradients: list[Tensor] = []  # as in grad-cam's recorder
        self.outputs: Tensor | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """Run the model on images and return its outputs `[B, K]`.

        Raises:
            RuntimeError: a target layer did not run, or ran more than once.
        """
        self.release()
        seen: dict[int, Tensor] = {}
        handles: list[Any] = []
        try:
            for index, layer in enumerate(self.layers):
                handles.append(layer.register_forward_hook(self._keeper(seen, index)))
            with evaluating(self.model), torch.set_grad_enabled(self.needs_graph):
                outputs: Tensor = self.model(images.to(next(self.model.parameters()).device))
        finally:
            for handle in handles:
                handle.remove()
        missing = [index for index in range(len(self.layers)) if index not in seen]
        if missing:
            raise RuntimeError(
                f"target layer {missing[0]} ({type(self.layers[missing[0]]).__name__}) did not run in the model"
            )
        self.activations = [seen[index] for index in range(len(self.layers))]
        self.outputs = outputs
        return outputs

    def release(self) -> None:
        """Release what was recorded."""
        self.activations, self.gradients, self.outputs = [], [], None

    def _keeper(self, seen: dict[int, Tensor], index: int) -> Callable[[nn.Module, Any, Tensor], Tensor]:
        def keep(module: nn.Module, _inputs: Any, activity: Tensor) -> Tensor:
            if index in seen:
                raise RuntimeError(
                    f"target layer {index} ({type(module).__name__}) ran more than once in one forward pass"
                )
            if self.needs_graph and not activity.requires_grad:  # frozen weights
                activity = activity.detach().requires_grad_()
            seen[index] = activity
            return activity

        return keep
