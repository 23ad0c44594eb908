"""Patch whitening: a fixed first norm, fitted once to training images without their labels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PIXELS_AT_ONCE = 2**18  # whose patches are extracted at once: 57 MB of 3 x 3 x 3 patches
NO_VARIANCE = 1e-12  # smaller variances, relative to the squared mean, are rounding


class PatchWhitening(nn.Module):
    """Principal components of the k x k patch around each position, each scaled to the same variance.

    `[N, C, H, W]` -> `[N, C k k, H, W]`. With the mean m, the eigenvectors v_i and the eigenvalues l_i of the
    covariance of the patches of training images, channel i is

        v_i . (patch - m) / sqrt(l_i + eps * mean(l))

    so channels are uncorrelated, with mean 0 and variance 1 over these patches. Only directions in which patches hardly
    vary have less variance: rounding of the pixels is not amplified. No batch norm is needed. So an input's
    normalisation is the same in training and in evaluation, whatever the other images of its batch and the number of
    processes.

    The negatives of the filters, which others add, are omitted: they serve a ReLU that follows at once. Here the
    weights of the block follow, for which a negated copy of a channel is redundant.

    Nothing is learned here. The fitted values are in two buffers, so a checkpoint holds them. At the border, patches
    repeat the border pixels. The arithmetic is in float32 or better under autocast too: some filters are small
    differences of bright pixels.

    Args:
        channels: channels C of an image.
        side: side k of a patch in pixels, at least 1.
        eps: floor of the eigenvalues, as a share of their mean.

    Raises:
        ValueError: `channels` or `side` is less than 1, or `eps` is not positive.
        RuntimeError: when called before `fit` or `load_state_dict`.

    Example:
        >>> whitening = PatchWhitening(3, 2)
        >>> whitening.fit(torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
        >>> whitening(torch.rand(2, 3, 8, 8)).shape
        torch.Size([2, 12, 8, 8])

    Reference:
        Whitening as a fixed first convolution, with this floor: Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a
        Single GPU", section 3.1, with patches of 2 x 2, the negatives, and a GELU after it.
    """

    filters: Tensor
    offset: Tensor

    def __init__(self, channels: int, side: int = 3, eps: float = 5e-4) -> None:
        super().__init__()
        if channels < 1 or side < 1 or not eps > 0:
            raise ValueError(
                "whitening needs at least 1 channel, patches of at least 1 pixel and a positive floor, "
                f"got {channels}, {side} and {eps}"
            )
        self.side, self.eps, self.fitted = side, eps, False
        size = channels * side * side
        self.register_buffer("filters", torch.full((size, channels, side, side), torch.nan))
        self.register_buffer("offset", torch.full((size,), torch.nan))
        nn.Module.register_load_state_dict_post_hook(self, _look_if_fitted)

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Fit the filters to images; the same images give the same filters.

        Args:
            images: float `[N, C, H, W]`, any number but 0, on any device.

        Raises:
            ValueError: images with other channels, smaller than a patch, or without variance.
        """
        channels = self.filters.shape[1]
        fits = images.ndim == 4 and images.shape[1] == channels and min(images.shape[2:]) >= self.side
        if not fits or not len(images):
            raise ValueError(
                f"whitening needs images [N, {channels}, H, W] of at least {self.side} x {self.side} pixels, "
                f"got {list(images.shape)}"
            )
        mean, covariance = patch_statistics(images, self.side)
        eigenvalues, columns = torch.linalg.eigh(covariance)
        if not eigenvalues.mean() > NO_VARIANCE * mean.square().mean():
            raise ValueError("whitening needs images that vary, but all pixels are the same")
        vectors = columns.T.flip(0)  # largest eigenvalue first
        # An eigenvector's sign is free. It is chosen by a product that is not 0 for even or odd patterns.
        reference = torch.arange(1, len(vectors) + 1, dtype=vectors.dtype, device=vectors.device).sqrt()
        vectors = torch.where((vectors @ reference < 0)[:, None], -vectors, vectors)
        floor = self.eps * eigenvalues.mean()
        filters = vectors / (eigenvalues.flip(0).clamp_min(0) + floor).sqrt()[:, None]
        self.filters.copy_(filters.view(self.filters.shape))
        self.offset.copy_(-filters @ mean)
        self.fitted = True

    def forward(self, x: Tensor) -> Tensor:
        """Whiten `[N, C, H, W]`."""
        if not self.fitted:
            raise RuntimeError("the whitening has no filters yet: fit it to training images, or load a checkpoint")
        before, after = (self.side - 1) // 2, self.side // 2
        with torch.autocast(x.device.type, enabled=False):
            x = F.pad(x.to(self.filters.dtype), (before, after, before, after), mode="replicate")
            return F.conv2d(x, self.filters, self.offset)

    def of_stream(self, x: Tensor) -> Tensor:
        """Whiten label images `[K, C, H, W]`, which have statistics of their own; see `Block.normalised`."""
        return F.batch_norm(self(x), None, None, training=True)

    def extra_repr(self) -> str:
        """Return the settings, for `repr`."""
        return f"channels={self.filters.shape[1]}, side={self.side}, eps={self.eps}"


def patch_statistics(images: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Return the mean and the covariance of all patches that lie within images.

    Args:
        images: float `[N, C, H, W]`.
        side: side k of a patch.

    Returns:
        float64 `[C k k]` and `[C k k, C k k]`, channel by channel, then row by row.

    Example:
        >>> mean, covariance = patch_statistics(torch.tensor([[[[0.0, 2.0], [4.0, 6.0]]]]), 1)
        >>> mean.tolist(), covariance.tolist()
        ([3.0], [[5.0]])
    """
    size = images.shape[1] * side * side
    total = torch.zeros(size, dtype=torch.float64, device=images.device)
    products, count = torch.zeros(size, size, dtype=torch.float64, device=images.device), 0
    for some in images.split(max(1, PIXELS_AT_ONCE // images[0, 0].numel())):
        patches = F.unfold(some.double().contiguous(), side).transpose(0, 1).flatten(1)  # (C k k, patches)
        total += patches.sum(dim=1)
        products += patches @ patches.T
        count += patches.shape[1]
    mean = total / count
    return mean, products / count - torch.outer(mean, mean)


def _look_if_fitted(module: nn.Module, _incompatible_keys: object) -> None:
    """Mark a module as fitted if the state that was loaded has filters."""
    assert isinstance(module, PatchWhitening)
    module.fitted = bool(module.filters.isfinite().all())
