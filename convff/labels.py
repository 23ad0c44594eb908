"""Another name of the package `labels`. If `labels` is somebody else's, importing this says whose it is."""

from convff.names import require_ours

require_ours("labels")

from labels import *  # noqa: E402, F403 (after the guard, which says why this would fail)
from labels import __all__  # noqa: E402, F401
