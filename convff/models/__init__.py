"""Named architectures. A model is a function `(image_shape, **options) -> LayerLocalNet`, one per file."""

from collections.abc import Callable

from convff.models.cnn3 import cnn3
from convff.models.cnn6 import cnn6
from convff.models.deephebb import deephebb
from convff.models.fasthebb import fasthebb
from convff.models.local_fields import local_fields
from convff.models.mlp import mlp
from convff.models.recurrent_local import recurrent_local
from convff.models.recurrent_mlp import recurrent_mlp
from convff.models.resnet import resnet
from convff.models.resnet_he import resnet_he
from convff.network import LayerLocalNet

__all__ = [
    "MODELS",
    "cnn3",
    "cnn6",
    "deephebb",
    "fasthebb",
    "local_fields",
    "mlp",
    "recurrent_local",
    "recurrent_mlp",
    "resnet",
    "resnet_he",
]

MODELS: dict[str, Callable[..., LayerLocalNet]] = {
    "cnn3": cnn3,
    "cnn6": cnn6,
    "mlp": mlp,
    "local_fields": local_fields,
    "recurrent_local": recurrent_local,
    "recurrent_mlp": recurrent_mlp,
    "resnet": resnet,
    "deephebb": deephebb,
    "fasthebb": fasthebb,
    "resnet_he": resnet_he,
}
