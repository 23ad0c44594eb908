"""Convolutional Forward-Forward and Hebbian Forward-Forward: networks whose layers learn on their own."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from convff.activations import Triangle
from convff.black_box import BlackBox
from convff.characters import (
    REGIMES,
    Alphabet,
    CharacterNet,
    CharacterTrainer,
    WittenBell,
    generate,
    load_characters,
    save_characters,
)
from convff.checkpoint import CHECKPOINT, Checkpoint, load_checkpoint, save_checkpoint
from convff.classifier import Classifier
from convff.contrasts import (
    CONTRASTS,
    NEGATIVES,
    ConfusionNegatives,
    Contrast,
    HybridContrast,
    LabelContrast,
    LabelsBeside,
    LabelStream,
    Layout,
    NeutralNegatives,
    Passes,
    RandomNegatives,
    Remembering,
    SuperclassNegatives,
    Unlabelled,
    memory_of,
    wants_scores,
)
from convff.data import Batch, Data, ImageData, as_floats
from convff.evaluations import EVALUATIONS, Context, Evaluation, Score
from convff.exporting import exported, require_export
from convff.fast_learning import step_to_goodness
from convff.files import NoSpaceError, remove_unfinished, require_space, write_atomically
from convff.functional import GOODNESS, mean_goodness, sum_goodness
from convff.gates import GATES, Gate, Softmax, Symmetric, Threshold
from convff.hardware import HardwareLinear, Variations, copy_weights, on_hardware
from convff.heads import Head
from convff.hub import HubError
from convff.inference.calibration import calibrate
from convff.inference.distillation import distil, probabilities
from convff.inference.dropout_readout import features_in_bytes, fit_with_dropout
from convff.inference.goodness import block_goodness, block_goodness_of, goodness_scores, predictions
from convff.inference.participation import participation_ratios
from convff.inference.readout import LinearReadout
from convff.inference.scores import block_scores, block_scores_of
from convff.inference.softmax_readout import SoftmaxReadout
from convff.inference.usual import usual_activity_of
from convff.initial_weights import INITIAL_WEIGHTS
from convff.judged import notes_for, tensors_of, with_usual
from convff.labelling import AdditiveLabels, Labels, Negatives, PlaneLabels, TrainableLabels, label_passes
from convff.loading import load
from convff.local_linear import Layer, LocalLinear
from convff.machine.allocator import keep_freed_memory
from convff.machine.memory import free_memory, require_memory
from convff.machine.precision import autocast, fastest_precision
from convff.machine.processes import DataParallel, LostProcessError, OneProcess, Processes
from convff.models import (
    MODELS,
    cnn3,
    cnn6,
    deephebb,
    fasthebb,
    local_fields,
    mlp,
    recurrent_local,
    recurrent_mlp,
    resnet,
    resnet_he,
)
from convff.names import ForeignNameError, require_ours
from convff.network import Block, LayerLocalNet, evaluating
from convff.norms import LengthNorm, PaddedNorm
from convff.optimizers import OPTIMIZERS, orthogonalise
from convff.outer import Outer
from convff.picture_files import (
    GRAY_MODES,
    OnDisk,
    PictureHeader,
    class_folders,
    first_of,
    one_size,
    picture_header,
    read_each,
    stack_pictures,
)
from convff.pictures import MOST_PIXELS, PICTURE_FORMATS, SUFFIXES, PictureError, PictureFile, read_picture
from convff.places import (
    PLACES,
    AtBeside,
    AtBlocks,
    AtGains,
    AtImage,
    AtNowhere,
    AtOutput,
    AtStream,
    Gains,
    InGroups,
    LabelFilters,
    LabelTerms,
    Merged,
    Place,
    fitting_width,
    for_superclasses,
)
from convff.pushing import model_card, push
from convff.randomness import keyed_generator
from convff.recurrent import RecurrentNet, settled_goodness, settled_states
from convff.rules import (
    REDUCTIONS,
    RULES,
    Autograd,
    Backpropagation,
    Coarse,
    ForwardForward,
    Gating,
    GlobalHebbian,
    HebbianForwardForward,
    LocalHead,
    LocalUpdate,
    Phased,
    RecurrentForwardForward,
    Reduction,
    Seen,
    Setup,
    Similar,
    SoftHebb,
    Stabilised,
    Step,
    contrast_of,
    head_scores,
)
from convff.schedule import SCHEDULES, Schedule, learns_by
from convff.sequential import from_sequential
from convff.shipped import pretrained, pretrained_about, pretrained_names, shipped_digits
from convff.stabilisers import STABILISERS
from convff.tensor_files import load_tensors, save_tensors
from convff.training.augment import AUGMENTATIONS
from convff.training.compiled import CompilationWarning
from convff.training.divergence import DivergedError, stop_if_diverged
from convff.training.findings import Finding
from convff.training.halving import MemoryWarning
from convff.training.health import TrainingWarning
from convff.training.local_step import LocalStep, start
from convff.training.order import ORDERS
from convff.training.records import EpochRecord
from convff.training.state import TrainingState
from convff.training.trainer import Trainer
from convff.training.transforms import from_torchvision
from convff.version import __version__

if TYPE_CHECKING:
    from convff.estimator import ForwardForwardClassifier


def __getattr__(name: str) -> Any:
    if name in ("labels", "cam"):  # aliases, imported only when they are asked for
        return import_module(f"convff.{name}")
    if name == "ForwardForwardClassifier":  # scikit-learn takes a second to import
        return import_module("convff.estimator").ForwardForwardClassifier
    raise AttributeError(f"module 'convff' has no attribute {name!r}")


# Several names per line: one each would take more lines than a file may have.
# fmt: off
__all__ = [
    "AUGMENTATIONS", "CHECKPOINT", "CONTRASTS", "EVALUATIONS", "GATES", "GOODNESS", "GRAY_MODES", "INITIAL_WEIGHTS",
    "MODELS",
    "MOST_PIXELS", "NEGATIVES", "OPTIMIZERS", "ORDERS", "PICTURE_FORMATS", "PLACES", "REDUCTIONS", "REGIMES", "RULES",
    "SCHEDULES", "STABILISERS", "SUFFIXES",
    "AdditiveLabels", "Alphabet", "AtBeside", "AtBlocks", "AtGains", "AtImage", "AtNowhere", "AtOutput", "AtStream",
    "Autograd", "Backpropagation", "Batch", "BlackBox", "Block", "CharacterNet", "CharacterTrainer", "Checkpoint",
    "Classifier", "Coarse", "CompilationWarning", "ConfusionNegatives", "Context", "Contrast", "Data", "DataParallel",
    "DivergedError", "EpochRecord", "Evaluation", "Finding", "ForeignNameError", "ForwardForward",
    "ForwardForwardClassifier", "Gains", "Gate", "Gating", "GlobalHebbian", "HardwareLinear", "Head",
    "HebbianForwardForward", "HubError", "HybridContrast", "ImageData", "InGroups", "LabelContrast", "LabelFilters",
    "LabelStream", "LabelTerms", "Labels", "LabelsBeside", "Layer", "LayerLocalNet", "Layout", "LengthNorm",
    "LinearReadout", "LocalHead", "LocalLinear", "LocalStep", "LocalUpdate", "LostProcessError", "MemoryWarning",
    "Merged", "Negatives", "NeutralNegatives", "NoSpaceError", "OnDisk",
    "OneProcess", "Outer", "PaddedNorm", "Passes", "Phased",
    "PictureError", "PictureFile", "PictureHeader", "Place", "PlaneLabels", "Processes", "RandomNegatives",
    "RecurrentForwardForward", "RecurrentNet", "Reduction", "Remembering", "Schedule", "Score", "Seen", "Setup",
    "Similar", "SoftHebb", "Softmax", "SoftmaxReadout", "Stabilised", "Step", "SuperclassNegatives", "Symmetric",
    "Threshold", "TrainableLabels", "Trainer", "TrainingState", "TrainingWarning", "Triangle", "Unlabelled",
    "Variations", "WittenBell", "__version__", "as_floats", "autocast", "block_goodness", "block_goodness_of",
    "block_scores", "block_scores_of", "calibrate", "class_folders", "cnn3", "cnn6", "contrast_of", "copy_weights",
    "deephebb", "distil",
    "evaluating", "exported", "fastest_precision", "fasthebb", "features_in_bytes", "first_of", "fit_with_dropout",
    "fitting_width",
    "for_superclasses", "free_memory", "from_sequential", "from_torchvision", "generate", "goodness_scores",
    "head_scores", "keep_freed_memory", "keyed_generator", "label_passes", "learns_by", "load", "load_characters",
    "load_checkpoint", "load_tensors", "local_fields", "mean_goodness", "memory_of", "mlp", "model_card", "notes_for",
    "on_hardware",
    "one_size", "orthogonalise", "participation_ratios", "picture_header", "predictions", "pretrained",
    "pretrained_about", "pretrained_names", "probabilities", "push", "read_each", "read_picture", "recurrent_local",
    "recurrent_mlp", "remove_unfinished", "require_export", "require_memory", "require_ours", "require_space", "resnet",
    "resnet_he", "save_characters", "save_checkpoint", "save_tensors", "settled_goodness", "settled_states",
    "shipped_digits",
    "stack_pictures", "start", "step_to_goodness", "stop_if_diverged", "sum_goodness", "tensors_of",
    "usual_activity_of", "wants_scores", "with_usual", "write_atomically",
]
# fmt: on
