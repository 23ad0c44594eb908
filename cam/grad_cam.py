"""Grad-CAM with signed maps, for networks trained by backpropagation."""

import pytorch_grad_cam

from cam.gradient import GradientCAM


class GradCAM(GradientCAM, pytorch_grad_cam.GradCAM):  # type: ignore[misc]
    """Activity, each channel weighted by its mean gradient: `M[y, x] = sum_c mean_yx(dt/da_c) a_cyx`.

    For the last block of a `HeadModel` it equals `PoolingCAM`: both multiply a channel by the head's weight over the
    number of positions. Maps of several target layers are simply summed; they are not shares of one score.

    Raises:
        DetachedLayerError: when called, if no gradient reaches a target layer, as in networks that learn locally.

    Example:
        >>> import torch
        >>> from cam import HeadModel
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> model = HeadModel(cnn3((1, 8, 8), width=4, kernel=3), torch.nn.Linear(4, 3), FourierLabels(3, (8, 8)))
        >>> GradCAM(model, model.blocks[1:]).maps(torch.rand(2, 1, 8, 8)).on_image().shape
        torch.Size([2, 2, 8, 8])

    Reference:
        Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2 (which take the positive part).
    """
