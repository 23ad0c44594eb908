"""A linear readout of the blocks' activity: the second kind of inference, in one pass per image.

Scodellaro et al. 2025, Methods: "H neurons of every layer (except the first) are fully-connected with a
classification layer of N nodes". It reads an image without a label; its loss never reaches the network.
"""

from functools import cached_property
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from convff.data import ImageData, as_floats
from convff.functional import length_normalise
from convff.inference.regression import best_penalty, logistic_regression
from convff.labelling import Labels
from convff.machine.precision import autocast
from convff.machine.processes import OneProcess, Processes
from convff.network import Block, LayerLocalNet, evaluating


class LinearReadout(nn.Module):
    """Class scores `W . features + b`, where the features are the activity of all blocks from `first` on.

    Activity is read before the next block's normalisation, and averaged over a grid of regions of each map. An average
    is linear, so a score is still a sum over positions of weight times activity, unless that is `normalised`.

    Args:
        net: the network to read; it is not part of the readout (not in its parameters, never trained by it).
        labels: gives the neutral input.
        image_shape: channels, height and width of an image, without label.
        first: index of the first block that is read; 1 excludes the first block, as in the papers.
        grid: maps are averaged to `grid x grid` regions; None reads every position, as in the paper.
        normalised: read the activity of each block divided by its root mean square; maps, before they are averaged.
        lr: learning rate of Adam if the readout is trained beside the blocks by `step`.

    Raises:
        ValueError: `first` leaves no block.

    Attributes:
        evaluation: the evaluation that judges it if it is trained beside the blocks, a name in `convff.EVALUATIONS`.
        reads_first: whether `step` learns from the features of the network as it is before the step of the blocks.

    Example:
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> readout = LinearReadout(cnn3((1, 8, 8), width=4, kernel=3), FourierLabels(3, (8, 8)), (1, 8, 8), grid=2)
        >>> readout(torch.rand(5, 1, 8, 8)).shape, readout.linear.in_features
        (torch.Size([5, 3]), 32)
    """

    evaluation: ClassVar[str] = "linear_joint"
    reads_first: ClassVar[bool] = False

    def __init__(
        self,
        net: LayerLocalNet,
        labels: Labels,
        image_shape: tuple[int, int, int],
        *,
        first: int = 1,
        grid: int | None = 4,
        normalised: bool = False,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        if not 0 <= first < len(net):
            raise ValueError(f"`first` must be in [0, {len(net)}), got {first}")
        self._net = [net]  # in a list, so that the network's parameters do not become the readout's
        self.labels = labels
        self.first = first
        self.grid = grid
        self.normalised = normalised
        like = next(net.parameters())
        device = like.device
        size = self.features(like.new_zeros(2, *image_shape)).shape[1]
        self.linear = self._new_linear(size, device)
        self._lr = lr

    @cached_property
    def _optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of `step`, made when it is needed: the first one imports the compiler of torch."""
        return torch.optim.Adam(self.linear.parameters(), lr=self._lr)

    def _new_linear(self, size: int, device: torch.device, **options: Any) -> nn.Linear:
        """Return a linear layer that starts at zero."""
        # Skip the usual initialisation, which draws from global randomness.
        linear: nn.Linear = skip_init(nn.Linear, size, self.labels.num_classes, device=device, **options)
        for parameter in linear.parameters():
            nn.init.zeros_(parameter)
        return linear

    @property
    def net(self) -> LayerLocalNet:
        """The network to read."""
        return self._net[0]

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Return float32 features `[B, D]` of unlabelled images `[B, C, H, W]`; batch norm uses running statistics."""
        neutral = self.labels.neutral(images).contiguous(memory_format=torch.channels_last)
        read: list[Tensor] = []

        def visit(index: int, block: Block, h: Tensor) -> Tensor:
            a: Tensor = block(h)
            if index >= self.first:
                read.append(self._read(a))
            return a

        with evaluating(self.net):
            self.net.route(neutral, visit)
        return torch.cat(read, dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return class scores `[B, K]` of unlabelled images `[B, C, H, W]`."""
        scores: Tensor = self.linear(self.features(images).to(self.linear.weight.dtype))
        return scores

    @torch.no_grad()
    def scores(self, images: Tensor, *, precision: str = "float32") -> Tensor:
        """Return class scores `[B, K]` of float images `[B, C, H, W]`, in float32 whatever the network's precision."""
        with autocast(images.device, precision):
            features = self.features(images)
        scores: Tensor = self.linear(features)  # in bfloat16 the best scores may be equal
        return scores

    def set_gain(self, gain: float) -> None:
        """Set the rate of `step` to a fraction of the first one, in [0, 1]; Adam's stays as it is."""

    def step(
        self, images: Tensor, classes: Tensor, processes: Processes | None = None, features: Tensor | None = None
    ) -> Tensor:
        """Take one step of the optimiser on the cross-entropy, beside the step of the blocks.

        Args:
            images: float `[B, C, H, W]` in [0, 1], unlabelled: the whole batch.
            classes: int64 `[B]`.
            processes: the processes that share the batch; this process alone if omitted.
            features: of this process's images, if they are known already; computed if omitted.

        Returns:
            this process's part of the mean loss, `[1]`.
        """
        processes = processes or OneProcess()
        shard = processes.shard(len(images))
        features = self.features(images[shard.rows]) if features is None else features
        with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
            loss = F.cross_entropy(self.linear(features), classes[shard.rows])
            self._optimizer.zero_grad()
            loss.backward()
        grads = [parameter.grad for parameter in self.linear.parameters() if parameter.grad is not None]
        processes.start_sum(grads, shard.of_mean)()
        self._optimizer.step()
        return loss.detach()[None] * shard.of_mean

    def training_state(self) -> dict[str, Any]:
        """Return the weights, and what the optimiser of `step` remembers of them."""
        return {"linear": self.linear.state_dict(), "optimizer": self._optimizer.state_dict()["state"]}

    def resume(self, state: dict[str, Any]) -> None:
        """Take over the state of another readout of the same network; see `training_state`.

        Raises:
            RuntimeError: the state is of another network.
        """
        self.linear.load_state_dict(state["linear"])
        self._optimizer.load_state_dict(self._optimizer.state_dict() | {"state": state["optimizer"]})

    def fit(
        self, data: ImageData, *, precision: str = "float32", l2: float | None = 1e-3, iterations: int = 40
    ) -> None:
        """Fit to the current network: multinomial logistic regression by L-BFGS, on all images at once.

        The features are standardised for the fit, so that one penalty fits all of them, and the scaling is then folded
        into the weights.

        Args:
            data: the images; their features must fit in memory.
            precision: precision of the network's activity.
            l2: weight of the penalty `l2/2 |W|^2` beside the mean cross-entropy. None chooses it by the accuracy on the
                last tenth of the images, see `convff.inference.regression`; the final fit is to all images.
            iterations: maximum number of iterations of L-BFGS per fit.

        Raises:
            ValueError: there are fewer than 2 images, which have no standard deviation.
        """
        if len(data) < 2:
            raise ValueError(f"a readout needs at least 2 images to be fitted to, got {len(data)}")
        features = self.features_of(data, precision=precision)
        deviation, mean = torch.std_mean(features, dim=0)
        deviation.clamp_min_(1e-6)
        features.sub_(mean).div_(deviation)
        size = (self.linear.out_features, self.linear.in_features)
        penalty = best_penalty(features, data.classes, size[0], iterations) if l2 is None else l2
        weight, bias = logistic_regression(features, data.classes, features.new_zeros(size), penalty, iterations)
        with torch.no_grad():
            self.linear.weight.copy_(weight / deviation)
            self.linear.bias.copy_(bias - self.linear.weight @ mean)

    @torch.no_grad()
    def features_of(self, data: ImageData, *, precision: str = "float32", dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the features `[N, D]` of a whole image set, kept in a dtype."""
        features = torch.empty(len(data), self.linear.in_features, dtype=dtype, device=data.images.device)
        with autocast(data.images.device, precision):
            for rows, images in zip(
                features.split(self._batch(data)), data.images.split(self._batch(data)), strict=True
            ):
                rows.copy_(self.features(as_floats(images)))
        return features

    def predict(self, data: ImageData, *, precision: str = "float32") -> Tensor:
        """Return the predicted classes `[N]` of a whole image set, batch by batch."""
        return self.candidates(data, 1, precision=precision).squeeze(1)

    @torch.no_grad()
    def candidates(self, data: ImageData, count: int, *, precision: str = "float32") -> Tensor:
        """Return the `count` classes with the largest scores for each image of a set, best first: int64 `[N, count]`.

        For goodness inference that need not try every label; see `convff.inference.goodness`.

        Raises:
            ValueError: `count` is not in [1, K].
        """
        if not 1 <= count <= self.labels.num_classes:
            raise ValueError(f"count must be between 1 and {self.labels.num_classes}, got {count}")
        return self.scores_of(data, precision=precision).topk(count, dim=1).indices

    def scores_of(self, data: ImageData, *, precision: str = "float32") -> Tensor:
        """Return the class scores `[N, K]` of a whole image set, batch by batch."""
        batches = data.images.split(self._batch(data))
        return torch.cat([self.scores(as_floats(images), precision=precision) for images in batches])

    @staticmethod
    def _batch(data: ImageData) -> int:
        """Return the number of images per batch: 256 of 32 x 32 pixels, fewer if they are larger."""
        return max(1, min(256, 2**18 // data.images[0, 0].numel()))

    def _read(self, a: Tensor) -> Tensor:
        """Return what is read of the activity of a block, float32 `[B, D]`."""
        a = length_normalise(a.float()) if self.normalised else a
        return self._regions(a).flatten(1).float()

    def _regions(self, a: Tensor) -> Tensor:
        if a.ndim == 2 or self.grid is None:
            return a
        height, width = (min(self.grid, side) for side in a.shape[-2:])
        return F.adaptive_avg_pool2d(a, (height, width))
