"""Global-guided Hebbian learning: the size of a step is Hebbian, its sign that of the loss's gradient.

Example: `python experiments/ghl.py --preset smoke`. `paper` is the published setting; `--model fasthebb` and
`--model resnet_he --depth 56` are the paper's other networks. `--signal sign`, `local` and `gradient` are ablations,
`--rule bp` is backpropagation through the same network and head by Adam; `python experiments/table.py runs/*` puts the
runs into one table, with the untrained network as the control. It is no local rule. See `docs/ghl.md`.
"""

from experiments.config.command_line import parse
from experiments.config.settings import Settings

DEFAULT = Settings(dataset="cifar10", rule="ghl", model="deephebb")

if __name__ == "__main__":
    settings = parse(DEFAULT, __doc__)

    from experiments.run.train import main  # after the parsing: it imports torch

    main(settings)
