"""Scripts and everything that reads the command line, the disk and data sets.

`python experiments/cifar10.py` puts this folder first on the import path, where `datasets` and others would hide public
packages of the same name. They are ours by the name `experiments.datasets` alone, so the folder is taken off again,
also that of a checkout whose scripts use an installed package.
"""

import sys
from pathlib import Path

_SCRIPT = Path("experiments", "cifar10.py")


def _is_ours(entry: str) -> bool:
    folder = Path(entry).resolve()
    return bool(entry) and folder.name == _SCRIPT.parent.name and (folder.parent / _SCRIPT).is_file()


sys.path[:] = [entry for entry in sys.path if not _is_ours(entry)]
__convff__ = True  # tells that this is the package that belongs to convff, and nobody else's of this name
