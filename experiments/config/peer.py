"""Option `--peer` of scripts for Hinton's networks. Imports no torch."""

import math
from dataclasses import dataclass, replace

from experiments.config.command_line import Asked
from experiments.config.conflicts import PLACED_RULES
from experiments.config.settings import Settings, SettingsError

WITH_PEERS = (*PLACED_RULES, "recurrent")  # rules that can have peer normalisation
PEER = 0.03  # of Hinton's released code


@dataclass(frozen=True, kw_only=True)
class AskedWithPeer(Asked):
    """Settings, and the strength of peer normalisation."""

    peer: float | None = None
    """Strength of peer normalisation, which keeps units about equally active; 0 for none. Default: 0.03, unless
    --stabilise names other stabilisers."""


def with_peer(settings: Settings, peer: float | None) -> Settings:
    """Return the settings with peer normalisation, where the rule can have it and nothing else is asked for.

    Args:
        settings: the settings that were asked for.
        peer: its strength, at least 0; None for the default.

    Raises:
        SettingsError: a strength that is out of range, or that nothing would take.

    Example:
        >>> with_peer(Settings(), None).stabilise, with_peer(Settings(), 0).stabilise
        (('peer',), ())
    """
    if peer is not None and not (0 <= peer < math.inf):
        raise SettingsError(f"--peer must be finite and at least 0, got {peer}")
    takes_it = settings.rule in WITH_PEERS and not settings.stabilise and settings.resume is None
    if peer is not None and not takes_it and (peer or settings.resume is not None):
        why = (
            "--resume, which takes the settings of the run"
            if settings.resume is not None
            else "--stabilise, which names the stabilisers"
            if settings.stabilise
            else f"--rule {settings.rule}, which has none"
        )
        raise SettingsError(f"--peer {peer:g} cannot be used with {why}")
    strength = PEER if peer is None else peer
    if not takes_it or strength == 0:
        return settings
    return replace(settings, stabilise=("peer",), stabiliser_strength=strength)
