"""PoolingCAM: the class activation map of a network with a head on its last block's average activity."""

from cam.linear_cam import LinearCAM


class PoolingCAM(LinearCAM):
    """The head's weight times the last block's activity: the paper's map of networks trained by backpropagation.

    `M_k[y, x] = 1/(hw) sum_c w_kc a_cyx`. A head on the average activity is a linear readout with one region, so this
    is `LinearCAM`, and the map and the bias sum to the class score.

    Example:
        >>> import torch
        >>> from cam import HeadModel
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> net = cnn3((1, 8, 8), width=4, kernel=3)
        >>> model = HeadModel(net, torch.nn.Linear(4, 3), FourierLabels(3, (8, 8)))
        >>> PoolingCAM(model, model.layers).maps(torch.rand(2, 1, 8, 8)).summed().shape
        torch.Size([2, 8, 8])

    Reference:
        Zhou et al. 2016; Scodellaro et al. 2025, figure 4 (i) to (l): "the weights connecting this layer to a Softmax
        activation output layer".
    """
