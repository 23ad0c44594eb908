"""A black box between two blocks: any fixed map, which local learning need not differentiate."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from convff.norms import normalised_stream


class BlackBox(nn.Module):
    """The norm of a block whose raw input first passes through a map that nobody knows: `norm(box(h))`.

    A local rule needs the input and the activity of a block, and what is between two blocks is neither. So the box may
    be stochastic, have a derivative of zero, or be no function of tensors at all, like a device. No gradient leaves it:
    backpropagation learns nothing below, and labels that learn do not learn through it.

    Args:
        norm: normalises what the box puts out.
        box: maps the activity that the block below passes on, `[N, ...]`, to a tensor `[N, ...]`; a module without
            learned parameters, or any function. The tensors of a module are saved with the network.

    Raises:
        TypeError: the box cannot be called, or when used, does not return a tensor.
        ValueError: when used, the box returns another number of samples.

    Example:
        >>> from convff import Block, LengthNorm
        >>> block = Block(BlackBox(LengthNorm(), torch.sign), nn.Linear(3, 2))
        >>> block.normalised(torch.tensor([[0.5, -2.0, 7.0]]))
        tensor([[ 1., -1.,  1.]])

    Reference:
        Hinton 2022, section 6: "an unknown and possibly stochastic transformation".
    """

    repeatable: ClassVar[bool] = False  # another pass through the box may give something else

    def __init__(self, norm: nn.Module, box: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        if not callable(box):
            raise TypeError(f"a box must be a function or a module, got {type(box).__name__}")
        self.norm = norm
        self.box = box

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised output of the box, `[N, ...]`."""
        normalised: Tensor = self.norm(self._through(x))
        return normalised

    def of_stream(self, x: Tensor) -> Tensor:
        """Return the same for label images, which have statistics of their own; see `Block.normalised`."""
        return normalised_stream(self.norm, self._through(x))

    def _through(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            out = self.box(x.detach())
        if not isinstance(out, Tensor):
            raise TypeError(f"a box must return a tensor, got {type(out).__name__}")
        if len(out) != len(x):
            raise ValueError(f"a box must return as many samples as it is given, {len(x)}, got {len(out)}")
        return out.detach()
