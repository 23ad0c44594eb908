"""Networks with top-down connections that settle under a label (Hinton 2022, sections 3.4 and 4)."""

from convff.recurrent.goodness import settled_goodness
from convff.recurrent.network import BelowAlone, RecurrentNet
from convff.recurrent.settling import Moved, Settling, Updates
from convff.recurrent.states import settled_states

__all__ = ["BelowAlone", "Moved", "RecurrentNet", "Settling", "Updates", "settled_goodness", "settled_states"]
