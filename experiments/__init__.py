"""Scripts and everything that reads the command line, the disk and data sets.

`python experiments/cifar10.py` puts this folder first on the import path, where `datasets` and others would hide public
packages of the same name. They are ours by the name `experiments.datasets` alone, so the folder is taken off again.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != _HERE]
__convff__ = True  # tells that this is the package that belongs to convff, and nobody else's of this name
