"""Convolutional Forward-Forward and Hebbian Forward-Forward: networks whose layers learn on their own."""

from convff.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from convff.data import ImageData
from convff.gates import GATES, Softmax, Symmetric, Threshold
from convff.inference.goodness import block_goodness, goodness_scores
from convff.inference.readout import LinearReadout
from convff.models import MODELS, cnn3, cnn6, mlp
from convff.network import Block, LayerLocalNet, LengthNorm
from convff.rules import RULES, Backpropagation, ForwardForward, HebbianForwardForward, Stabilised
from convff.schedule import Schedule
from convff.stabilisers import STABILISERS
from convff.training.health import Finding, TrainingWarning
from convff.training.negatives import RandomNegatives
from convff.training.trainer import EpochRecord, Trainer
from convff.version import __version__

__all__ = [
    "GATES",
    "MODELS",
    "RULES",
    "STABILISERS",
    "Backpropagation",
    "Block",
    "Checkpoint",
    "EpochRecord",
    "Finding",
    "ForwardForward",
    "HebbianForwardForward",
    "ImageData",
    "LayerLocalNet",
    "LengthNorm",
    "LinearReadout",
    "RandomNegatives",
    "Schedule",
    "Softmax",
    "Stabilised",
    "Symmetric",
    "Threshold",
    "Trainer",
    "TrainingWarning",
    "__version__",
    "block_goodness",
    "cnn3",
    "cnn6",
    "goodness_scores",
    "load_checkpoint",
    "mlp",
    "save_checkpoint",
]
