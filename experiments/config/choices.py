"""The names that options take. Imports no torch: the keys of tables are read from their files."""

from typing import TYPE_CHECKING, Literal, TypeAlias

from experiments.config.names import names_in
from experiments.config.own import part_of

if TYPE_CHECKING:
    LabelName: TypeAlias = str
    RuleName: TypeAlias = str
    ModelName: TypeAlias = str
    DatasetName: TypeAlias = str
    GateName: TypeAlias = str
    PlaceName: TypeAlias = str
    ContrastName: TypeAlias = str
    EvaluationName: TypeAlias = str
    OptimizerName: TypeAlias = str
    AugmentName: TypeAlias = str
    InitName: TypeAlias = str
    OrderName: TypeAlias = str
    ReductionName: TypeAlias = str
    StabiliserName: TypeAlias = str
else:  # the command line offers the keys of the tables
    LabelName = part_of("labels", "labels/__init__.py", "LABELS")
    RuleName = part_of("rule", "convff/rules/__init__.py", "RULES")
    GateName = part_of("gate", "convff/gates/__init__.py", "GATES")
    ContrastName = part_of("contrast", "convff/contrasts/__init__.py", "CONTRASTS")
    EvaluationName = part_of("inference", "convff/evaluations/__init__.py", "EVALUATIONS", also=("both",))
    PlaceName = Literal[names_in("convff/places/__init__.py", "PLACES")]
    ModelName = Literal[names_in("convff/models/__init__.py", "MODELS")]
    DatasetName = Literal[names_in("experiments/datasets/__init__.py", "DATASETS")]
    OptimizerName = Literal[names_in("convff/optimizers/__init__.py", "OPTIMIZERS")]
    AugmentName = part_of("augment", "convff/training/augment.py", "AUGMENTATIONS")
    ReductionName = Literal[names_in("convff/rules/reductions.py", "REDUCTIONS")]
    InitName = Literal[names_in("convff/initial_weights.py", "INITIAL_WEIGHTS")]
    OrderName = Literal[names_in("convff/training/order.py", "ORDERS")]
    StabiliserName = Literal[names_in("convff/stabilisers/__init__.py", "STABILISERS")]

PresetName = Literal["smoke", "quick", "paper", "long", "best"]
NetName = Literal["deep", "wide", "greedy", "hinton", "local", "dense"]
SelectionName = Literal["optimised", "random"]
EngineName = Literal["closed", "autograd"]
