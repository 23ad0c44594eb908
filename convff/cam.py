"""Another name of the package `cam`. If `cam` is somebody else's, importing this says whose it is."""

from convff.names import require_ours

require_ours("cam")

from cam import *  # noqa: E402, F403 (after the guard, which says why this would fail)
from cam import __all__  # noqa: E402, F401
