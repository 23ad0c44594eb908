"""Learning rules, one per file. A new rule is a file and a row of the table."""

from typing import Any

from convff.rules.autograd import Autograd
from convff.rules.base import Gating, LocalRule, LocalUpdate, Seen, Setup, StartingRule, Step, contrast_of
from convff.rules.bp import Backpropagation
from convff.rules.coarse import Coarse
from convff.rules.ff import ForwardForward
from convff.rules.ghl import GlobalHebbian
from convff.rules.headed import head_scores
from convff.rules.hebbff import HebbianForwardForward
from convff.rules.local_head import LocalHead
from convff.rules.phased import Phased
from convff.rules.recurrent import RecurrentForwardForward
from convff.rules.reductions import REDUCTIONS, Reduction
from convff.rules.similarity import Similar
from convff.rules.softhebb import SoftHebb
from convff.rules.stabilised import Stabilised

RULES: dict[str, Any] = {
    "ff": ForwardForward,
    "hebbff": HebbianForwardForward,
    "local_head": LocalHead,
    "softhebb": SoftHebb,
    "ghl": GlobalHebbian,
    "recurrent": RecurrentForwardForward,
    "bp": Backpropagation,
}

__all__ = [
    "REDUCTIONS",
    "RULES",
    "Autograd",
    "Backpropagation",
    "Coarse",
    "ForwardForward",
    "Gating",
    "GlobalHebbian",
    "HebbianForwardForward",
    "LocalHead",
    "LocalRule",
    "LocalUpdate",
    "Phased",
    "RecurrentForwardForward",
    "Reduction",
    "Seen",
    "Setup",
    "Similar",
    "SoftHebb",
    "Stabilised",
    "StartingRule",
    "Step",
    "contrast_of",
    "head_scores",
]
